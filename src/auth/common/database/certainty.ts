import type { DataSource, QueryResult, QueryRunner } from 'typeorm';
import { number, text } from './answer.js';
import { withConnectionRetries } from './connection-retries.js';
import { within } from './connection-with-timeout.js';
import { isMySql } from './dialect.js';
import { faultOf } from './fault.js';
import { assertCommitted, assertIdle, UnfitConnectionError } from './unfit-connection.js';

/** Bits of `wsrep_sync_wait`: before a SELECT, before an UPDATE or DELETE. */
const BEFORE_READS_AND_WRITES = 1 | 2;
/** Milliseconds. */
const LONGEST_QUESTION = 5_000;

/**
 * Whether a statement sees all that was committed before. A row that it does not see is missing only then.
 *
 * - A connection of MySQL may have been left in a transaction, and sees the table as it was at that time. Or it has a
 *   temporary table of the same name.
 * - Row-level security of PostgreSQL may hide rows.
 * - A node of Galera applies the changes of the other nodes a moment after their commit. After it stood still, it may be
 *   far behind, and does not know it. Other databases have one primary, which knows everything.
 */
export class Certainty {
  /** Whether this engine needs to be asked. */
  readonly isDoubtful: boolean;
  private readonly isMySql: boolean;
  /** The setting `wsrep_sync_wait` of the host's connections; `null` for other databases. */
  private syncWait: number | null | undefined;

  constructor(private readonly dataSource: DataSource) {
    this.isMySql = isMySql(dataSource);
    this.isDoubtful = this.isMySql || dataSource.options.type === 'postgres';
    if (!this.isMySql) this.syncWait = null;
  }

  /** Whether a server may be behind others. */
  async mayLag(): Promise<boolean> {
    if (this.syncWait === undefined) {
      const once = { limits: within(LONGEST_QUESTION), reads: true };
      await withConnectionRetries(this.dataSource, once, (runner) => this.ask(runner));
    }
    return this.settings !== undefined;
  }

  /**
   * @param table its name in SQL
   * @throws UnfitConnectionError if statements on this connection do not see all rows of the table
   */
  async assertSeesAll(runner: QueryRunner, table: string): Promise<void> {
    if (this.isMySql) {
      if (!runner.isTransactionActive) {
        const answer = (await runner.query('DO 0', undefined, true)) as QueryResult;
        assertCommitted(answer.raw);
      }
      const [shown] = (await runner.query(`SHOW CREATE TABLE ${table}`)) as Record<string, unknown>[];
      if (/^CREATE TEMPORARY/.test(String(shown?.['Create Table'])))
        throw new UnfitConnectionError(`has a temporary table with the name of ${table}`);
    } else if (this.isDoubtful) {
      if (!runner.isTransactionActive) assertIdle(await runner.connect());
      const name = `'${table.replaceAll("'", "''")}'`;
      const [row] = (await runner.query(`SELECT row_security_active(${name}) AS filtered`)) as { filtered: unknown }[];
      if (row?.filtered !== false)
        throw new UnfitConnectionError(`may not see all rows of ${table} (row-level security)`);
    }
  }

  /** Does the work on this connection. There each statement waits until its node has caught up with the cluster. */
  async caughtUp<T>(runner: QueryRunner, work: () => Promise<T>): Promise<T> {
    if (this.syncWait === undefined) await this.ask(runner);
    const { settings } = this;
    if (!settings) return work();
    await runner.query(settings.causal);
    try {
      return await work();
    } finally {
      await runner.query(settings.before).catch(throwConflict);
    }
  }

  /** The statements that change the setting, and restore it; `undefined` if reads cannot lag. */
  private get settings(): { causal: string; before: string } | undefined {
    const { syncWait } = this;
    if (typeof syncWait !== 'number') return undefined;
    const causal = syncWait | BEFORE_READS_AND_WRITES;
    return causal === syncWait ? undefined : { causal: set(causal), before: set(syncWait) };
  }

  private async ask(runner: QueryRunner): Promise<void> {
    const rows = (await runner.query(
      `SHOW SESSION VARIABLES WHERE Variable_name IN ('wsrep_on', 'wsrep_sync_wait')`,
    )) as Record<'Variable_name' | 'Value', unknown>[];
    const variables = new Map(rows.map((row) => [text(row.Variable_name, 'Variable_name'), row.Value]));
    const isGalera = variables.get('wsrep_on') === 'ON';
    this.syncWait = isGalera ? number(variables.get('wsrep_sync_wait'), 'wsrep_sync_wait') : null;
  }
}

/**
 * If a setting cannot be restored, the connection is broken, or its statements go on waiting. Both do no harm. But a node
 * that has aborted the transaction tells it only once, at whatever statement comes next. Later ones would be on their own.
 */
function throwConflict(error: unknown): void {
  if (faultOf(error) === 'conflict') throw error;
}

const set = (value: number) => `SET SESSION wsrep_sync_wait = ${value}`;
