import { DataSource } from 'typeorm';
import { expect } from 'vitest';
import type { TestDatabase } from './databases.js';
import { eventually } from './eventually.js';

export interface RowLock {
  /** Resolves once this number of statements waits for it. */
  awaited(statements?: number): Promise<void>;
  release(): Promise<void>;
}

/** Another transaction holds the rows of these sessions. */
export async function lockSessions(database: TestDatabase, sessionIds: string[]): Promise<RowLock> {
  const dataSource = await new DataSource(database.options([], [])).initialize();
  const holder = dataSource.createQueryRunner();
  await holder.startTransaction();
  const ids = sessionIds.map((id) => `'${id}'`).join(', ');
  await holder.query(`SELECT id FROM refresh_tokens WHERE id IN (${ids}) FOR UPDATE`);
  const waiting =
    database.name === 'postgres'
      ? `SELECT count(*) AS count FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
      : `SELECT count(*) AS count FROM information_schema.innodb_trx JOIN information_schema.processlist
           ON trx_mysql_thread_id = processlist.id WHERE db = database() AND trx_state = 'LOCK WAIT'`;
  return {
    async awaited(statements = 1) {
      await eventually(
        async () => {
          const [{ count }] = await dataSource.query(waiting);
          expect(Number(count), 'statements that wait').toBeGreaterThanOrEqual(statements);
        },
        // InnoDB renews its table of transactions only where nobody has read it for a tenth of a second.
        { interval: 200 },
      );
    },
    async release() {
      await holder.commitTransaction();
      await holder.release();
      await dataSource.destroy();
    },
  };
}
