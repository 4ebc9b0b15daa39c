import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { afterCommit } from './after-commit.js';
import type { Certainty } from './certainty.js';
import { unavailableOnFailure } from './unavailable.js';
import { UnfitConnectionError } from './unfit-connection.js';

/** Lets a call of this library take part in a transaction of the host. */
export interface InTransaction {
  /**
   * The `manager` that `dataSource.transaction(…)` hands out, or a query runner. What the call writes is committed or
   * rolled back with its transaction. Events, and the memory of all instances, follow after the commit.
   */
  readonly manager?: EntityManager | QueryRunner;
}

/** The connection that the host has handed over, usually in a transaction. */
export class HostTransaction {
  /** Use `hostTransaction`. */
  constructor(readonly runner: QueryRunner) {}

  /** Does the work after the commit, and never after a rollback. Without a transaction, it does the work at once. */
  async afterCommit(work: () => Promise<void>): Promise<void> {
    if (!this.runner.isTransactionActive) return work();
    afterCommit(this.runner, work);
  }
}

/** Does the work after the commit of the transaction, or at once without a transaction. */
export function afterCommitOf(transaction: HostTransaction | undefined, work: () => Promise<void>): Promise<void> {
  return transaction ? transaction.afterCommit(work) : work();
}

/**
 * `undefined` if the manager has no connection of its own. Then statements take one from the pool, as always.
 *
 * @param table the name in SQL of the table that the call works on
 * @throws TypeError if no statement of this library can run on this connection
 */
export async function hostTransaction(
  manager: EntityManager | QueryRunner | undefined,
  dataSource: DataSource,
  certainty: Certainty,
  table: string,
): Promise<HostTransaction | undefined> {
  if (manager === undefined) return undefined;
  const { connection, runner } = opened(manager);
  if (connection !== dataSource) {
    throw new TypeError(
      'manager belongs to a different DataSource. Pass the manager of a transaction of the DataSource that AuthModule uses.',
    );
  }
  if (runner === undefined) return undefined;
  if (runner.isReleased) {
    throw new TypeError('manager: its transaction is over. Await the call before the transaction ends.');
  }
  if (runner.getReplicationMode() === 'slave') {
    throw new TypeError(`manager reads from a replica. Create its query runner with createQueryRunner('master').`);
  }
  await unavailableOnFailure(() => certainty.assertSeesAll(runner, table)).catch((error: Error) => {
    const { cause } = error;
    throw cause instanceof UnfitConnectionError ? unfit(cause) : error;
  });
  return new HostTransaction(runner);
}

function opened(manager: EntityManager | QueryRunner): { connection: DataSource; runner: QueryRunner | undefined } {
  const { connection, queryRunner, startTransaction } = (manager ?? {}) as Partial<EntityManager & QueryRunner>;
  if (connection && typeof startTransaction === 'function') return { connection, runner: manager as QueryRunner };
  if (connection && 'getRepository' in manager) return { connection, runner: queryRunner };
  throw new TypeError(
    'manager must be an EntityManager or a QueryRunner. Pass the argument of dataSource.transaction(async (manager) => …).',
  );
}

function unfit({ message }: UnfitConnectionError): TypeError {
  return new TypeError(
    `manager: ${message}. Begin the transaction with TypeORM, for example by dataSource.transaction(…), and with a role ` +
      'that sees all rows of the tables.',
  );
}
