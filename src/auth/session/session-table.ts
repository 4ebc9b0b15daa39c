import type { StatementResult } from '../common/database/answer.js';
import type { AuthDatabase } from '../common/database/auth-database.js';
import type { EntityClass } from '../common/database/entity-class.js';
import { afterCommitOf, type HostTransaction, type InTransaction } from '../common/database/host-transaction.js';
import type { StatementValues } from '../common/database/statement.js';
import { unavailableOnFailure } from '../common/database/unavailable.js';
import { traced } from '../common/tracing/traced.js';
import type { RefreshToken, RefreshTokenColumns } from './refresh-token.entity.js';
import { prepareStatements, type RefreshTokenStatements } from './refresh-token.statements.js';

type StatementName = Exclude<keyof RefreshTokenStatements, 'read'>;

/** Executes the statements of the table of sessions, each alone or in a transaction of the host. */
export class SessionTable {
  readonly statements: RefreshTokenStatements;
  /** In SQL. */
  private readonly name: string;

  constructor(
    private readonly database: AuthDatabase,
    entity: EntityClass<RefreshTokenColumns>,
  ) {
    const table = database.table(entity);
    this.name = table.name;
    this.statements = prepareStatements(database, table);
  }

  get read(): (record: Record<string, unknown>) => RefreshToken {
    return this.statements.read;
  }

  /** @throws TypeError if the manager cannot be used for this table */
  transactionOf(given: InTransaction): Promise<HostTransaction | undefined> {
    return this.database.transactionOf(given, this.name);
  }

  /**
   * A statement that raises floors stamps them when it starts to write. If it then waits for another transaction, the
   * stamp may be too old for the reads of other instances. In that case the row is stamped again. A transaction of the
   * host may be committed much later, too.
   */
  async raise(
    name: keyof typeof STAMP_AGAIN,
    values: StatementValues,
    transaction?: HostTransaction,
  ): Promise<StatementResult> {
    const startedAt = performance.now();
    const result = await this.execute(name, values, transaction);
    const stampAgain = async () => {
      if (isLate(startedAt)) await this.execute(STAMP_AGAIN[name], values, transaction);
    };
    await afterCommitOf(transaction, stampAgain);
    return result;
  }

  list<T>(
    name: StatementName,
    values: StatementValues,
    read: (record: Record<string, unknown>) => T,
    transaction?: HostTransaction,
  ): Promise<T[]> {
    return inSpan(name, async () =>
      (await this.statements[name].execute(values, transaction?.runner)).records.map(read),
    );
  }

  execute(name: StatementName, values: StatementValues, transaction?: HostTransaction): Promise<StatementResult> {
    return inSpan(name, () => this.statements[name].execute(values, transaction?.runner));
  }
}

/** Each access to the table is a span. */
export function inSpan<T>(name: string, access: () => Promise<T>): Promise<T> {
  return traced(`nrt.store.${name}`, () => unavailableOnFailure(access));
}

/** The statements that raise floors, each with the statement that stamps the same rows again. */
const STAMP_AGAIN = {
  revoke: 'stamp',
  revokeUnchanged: 'stamp',
  revokeAllOfUser: 'stampAllOfUser',
  revokeDeletedOfUser: 'stampAllOfUser',
  raiseFloorsOfUser: 'stampAllOfUser',
  revokePage: 'stampPage',
} as const;

/** Milliseconds. Far less than the time for which instances look back. */
const LATEST_STAMP = 3_000;

export function isLate(startedAt: number): boolean {
  return performance.now() - startedAt > LATEST_STAMP;
}
