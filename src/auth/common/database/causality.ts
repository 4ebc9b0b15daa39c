import type { DataSource, QueryRunner } from 'typeorm';
import { number, text } from './answer.js';
import { withConnectionRetries } from './connection-retries.js';
import { isMySql } from './dialect.js';

/** Bits of `wsrep_sync_wait`: before a SELECT, before an UPDATE or DELETE. */
const BEFORE_READS_AND_WRITES = 1 | 2;
/** Milliseconds. */
const LONGEST_QUESTION = 5_000;

/**
 * Galera: a node applies the changes of the other nodes a moment after their commit. After it stood still, it may be far
 * behind, and does not know it. Other databases have one primary, which knows everything.
 */
export class Causality {
  /** The setting `wsrep_sync_wait` of the host's connections; `null` for other databases. */
  private syncWait: number | null | undefined;

  constructor(private readonly dataSource: DataSource) {
    if (!isMySql(dataSource)) this.syncWait = null;
  }

  /** Whether a read may miss what was committed before it. */
  async mayLag(): Promise<boolean> {
    if (this.syncWait === undefined) {
      await withConnectionRetries(this.dataSource, { timeout: LONGEST_QUESTION, reads: true }, (runner) =>
        this.ask(runner),
      );
    }
    return this.settings !== undefined;
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
      // If this fails, the connection is broken, or its statements go on waiting. Both do no harm.
      await runner.query(settings.before).catch(() => undefined);
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

const set = (value: number) => `SET SESSION wsrep_sync_wait = ${value}`;
