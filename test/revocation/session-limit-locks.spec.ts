import type { AuthUser } from 'nestjs-refresh-token';
import { DataSource, type QueryRunner } from 'typeorm';
import { expect, it } from 'vitest';
import type { AuthContext } from '../support/auth-app.js';
import { newUser, onServers } from '../support/instances.js';
import { lockSessions } from '../support/row-lock.js';

const LIMIT = 2;
const setup = {
  dataSource: { poolSize: 1 },
  options: { refreshToken: { maxSessionsPerUser: LIMIT, onTooManySessions: 'end_oldest' as const } },
};

onServers('the lock of the sessions of a user', (instances) => {
  const list = async ({ service }: AuthContext, { id }: AuthUser) =>
    (await service.list(id)).map(({ id }) => id).sort();

  /** Another transaction, of the tests. */
  async function inTransaction<T>(work: (runner: QueryRunner) => Promise<T>): Promise<T> {
    const dataSource = await new DataSource(instances.database.options([], [])).initialize();
    const runner = dataSource.createQueryRunner();
    await runner.startTransaction();
    try {
      return await work(runner);
    } finally {
      await runner.rollbackTransaction();
      await runner.release();
      await dataSource.destroy();
    }
  }

  it('is a row, and the same row for each sign-in', async () => {
    const context = await instances.start(setup);
    const user = newUser([context]);
    for (let begun = 0; begun < 2 * LIMIT; begun++) await context.service.issue(user);
    const rows = await context.dataSource.query('SELECT name, taken FROM session_locks');
    expect(rows).toHaveLength(1);
    expect(Number(rows[0].taken)).toBe(2 * LIMIT);
  });

  it('begins the work again after a deadlock', async () => {
    const context = await instances.start(setup);
    const user = newUser([context]);
    const oldest = await context.service.issue(user);
    context.clock.advance(1_000);
    const kept = await context.service.issue(user);
    const { issued, changed } = await inTransaction(async (runner) => {
      // The database ends the transaction that has done less, or that finds the deadlock.
      if (instances.kind.name === 'postgres') await runner.query(`SET LOCAL deadlock_timeout = '20s'`);
      for (let row = 0; row < 50; row++) await runner.query(`INSERT INTO session_locks VALUES ('row-${row}', 0, 0)`);
      await runner.query(`SELECT id FROM refresh_tokens WHERE id = '${oldest.sessionId}' FOR UPDATE`);
      const issued = context.service.issue(user);
      const waiting = await lockSessions(instances.database, [kept.sessionId]);
      await waiting.awaited();
      await waiting.release();
      const changed = await runner.query('UPDATE session_locks SET taken = taken + 1');
      return { issued, changed };
    });
    expect(changed).toBeDefined();
    const { sessionId } = await issued;
    expect(await list(context, user)).toEqual([kept.sessionId, sessionId].sort());
  });
});
