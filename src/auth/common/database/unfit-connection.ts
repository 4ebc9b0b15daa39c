/** A connection that does not see or change what the others see, because of its state. */
export class UnfitConnectionError extends Error {
  /** @param state continues "The database connection" */
  constructor(state: string) {
    super(`The database connection ${state}`);
    this.name = 'UnfitConnectionError';
  }
}

const IN_TRANSACTION = 'was left in a transaction';

/** Bits of the status that MySQL and MariaDB send with each answer without rows. */
const STATUS = { inTransaction: 1, autocommit: 2 };

/** Of `pg` from 8.18 on. */
interface PostgresConnection {
  /** `I` outside of transactions. */
  getTransactionStatus?(): unknown;
}

/** @throws UnfitConnectionError if PostgreSQL would run statements on it in a transaction that somebody left open */
export function assertIdle(connection: object | undefined): void {
  const status = (connection as PostgresConnection | undefined)?.getTransactionStatus?.();
  if (status === 'T' || status === 'E') throw new UnfitConnectionError(IN_TRANSACTION);
}

/**
 * @param answer the driver's answer to a statement without rows
 * @throws UnfitConnectionError if MySQL or MariaDB has not committed what the statement wrote
 */
export function assertCommitted(answer: unknown): void {
  const { serverStatus } = (answer ?? {}) as { serverStatus?: unknown };
  if (typeof serverStatus !== 'number') return;
  if (serverStatus & STATUS.inTransaction) throw new UnfitConnectionError(IN_TRANSACTION);
  if (!(serverStatus & STATUS.autocommit)) throw new UnfitConnectionError('has autocommit switched off');
}
