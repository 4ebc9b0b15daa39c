import { DataSource, type QueryRunner } from 'typeorm';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type AuthApp, createAuthApp } from '../support/auth-app.js';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { login, refresh } from '../support/http.js';
import { signIn } from '../support/listening.js';
import { lockSessions } from '../support/row-lock.js';

const POOL = 10;

interface Host extends AuthApp {
  database: TestDatabase;
  /** A connection that is not of the application's pool. */
  operator: DataSource;
}

async function start(name: 'postgres' | 'mariadb'): Promise<Host> {
  const database = await databaseNamed(name).create();
  onTestFinished(() => database.drop());
  const dataSource = { poolSize: POOL, logging: false };
  // No statement but those of the test.
  const options = { revocation: { delay: '10m' } };
  const app = await createAuthApp('express', database, { dataSource, options });
  onTestFinished(() => app.close());
  app.app.useLogger(false);
  const operator = await new DataSource(database.options([], [])).initialize();
  onTestFinished(() => operator.destroy());
  return { ...app, database, operator };
}

/** Does the work on each connection of the pool, after each of them has prepared the statements of a refresh. */
async function onEveryConnection({ dataSource }: AuthApp, work: (runner: QueryRunner) => Promise<unknown>) {
  const runners = Array.from({ length: POOL }, () => dataSource.createQueryRunner());
  await Promise.all(runners.map((runner) => runner.connect()));
  for (const runner of runners) await work(runner);
  await Promise.all(runners.map((runner) => runner.release()));
}

/** Fills the pool, so that all connections know the statements. */
async function warmUp(app: AuthApp): Promise<void> {
  await onEveryConnection(app, async () => undefined);
  const sessions = await Promise.all(Array.from({ length: POOL * 2 }, () => signIn(app)));
  await Promise.all(sessions.map(({ refreshToken }) => refresh(app.url, refreshToken)));
}

/** Is called for each connection that its pool opens from now on. */
function connectionsOpenedBy({ dataSource }: AuthApp) {
  const opened = vi.fn();
  const { master, pool = master } = dataSource.driver as unknown as Record<string, NodeJS.EventEmitter>;
  pool.on('connect', opened).on('connection', opened);
  return opened;
}

const READ_ONLY = 'SET default_transaction_read_only = on';

const poisons: { by: string; sql: string[]; before?: string[] }[] = [
  { by: 'DEALLOCATE ALL', sql: ['DEALLOCATE ALL'] },
  { by: 'DISCARD ALL', sql: ['DISCARD ALL'] },
  { by: 'a server that became read-only', sql: [READ_ONLY] },
  { by: 'another role', sql: ['SET ROLE pg_monitor'] },
  {
    by: 'another search path',
    before: ['CREATE SCHEMA elsewhere', 'CREATE TABLE elsewhere.refresh_tokens (LIKE public.refresh_tokens)'],
    sql: ['SET search_path TO elsewhere'],
  },
  { by: 'an empty search path', sql: [`SET search_path TO ''`] },
  { by: 'a temporary table of the same name', sql: ['CREATE TEMP TABLE refresh_tokens (LIKE public.refresh_tokens)'] },
  { by: 'a transaction that was left open', sql: ['BEGIN'] },
  { by: 'a transaction that was left after an error', sql: ['BEGIN', 'SELECT 1/0'] },
];

describe('connections of PostgreSQL that went bad', { timeout: 60_000 }, () => {
  test.for(poisons)('$by: one refresh gets through', async ({ sql, before = [] }) => {
    const app = await start('postgres');
    await warmUp(app);
    const failures = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    onTestFinished(() => failures.mockRestore());
    for (const statement of before) await app.operator.query(statement);
    const { refreshToken } = await signIn(app);
    await onEveryConnection(app, async (runner) => {
      for (const statement of sql) await runner.query(statement).catch(() => undefined);
    });

    const answer = await refresh(app.url, refreshToken);
    expect(answer.status).toBe(200);
    // The write was committed, to the table of all others.
    const [{ generation }] = await app.operator.query(
      `SELECT generation FROM public.refresh_tokens WHERE id = '${answer.body.session_id}'`,
    );
    expect(Number(generation)).toBe(1);
    const next = await refresh(app.url, answer.body.refresh_token);
    expect([next.status, next.body.generation]).toEqual([200, 2]);
  });

  test('no bad connection stays in the pool', async () => {
    const app = await start('postgres');
    await warmUp(app);
    const { refreshToken } = await signIn(app);
    await onEveryConnection(app, (runner) => runner.query(READ_ONLY));
    expect((await refresh(app.url, refreshToken)).status).toBe(200);
    const settings: string[] = [];
    await onEveryConnection(app, async (runner) => {
      const [row] = await runner.query('SHOW default_transaction_read_only');
      settings.push(row.default_transaction_read_only);
    });
    expect(settings).toEqual(Array.from({ length: POOL }, () => 'off'));
  });

  test('a server that stays read-only: 503, after one new connection', async () => {
    const app = await start('postgres');
    await warmUp(app);
    const { refreshToken } = await signIn(app);
    const [{ name }] = await app.operator.query('SELECT current_database() AS name');
    await app.operator.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
    await onEveryConnection(app, (runner) => runner.query(READ_ONLY));
    const opened = connectionsOpenedBy(app);
    const answer = await refresh(app.url, refreshToken);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    expect(opened).toHaveBeenCalledTimes(1);

    await app.operator.query(`SET default_transaction_read_only = off`);
    await app.operator.query(`ALTER DATABASE ${name} RESET default_transaction_read_only`);
    // For a second, the connection that was new is believed.
    await vi.waitFor(
      async () => {
        const after = await refresh(app.url, refreshToken);
        expect([after.status, after.body.generation]).toEqual([200, 1]);
      },
      { timeout: 5_000 },
    );
  });

  test.for([
    ['another type', 'ALTER COLUMN user_agent TYPE text'],
    ['a new column', 'ADD COLUMN note text'],
  ])('a migration while statements are prepared: %s', async ([, change]) => {
    const app = await start('postgres');
    await warmUp(app);
    const { refreshToken } = await signIn(app);
    await app.operator.query(`ALTER TABLE refresh_tokens ${change}`);
    expect((await refresh(app.url, refreshToken)).status).toBe(200);
    expect((await login(app.url, { username: 'bob', password: 'bob-password', transport: 'body' })).status).toBe(200);
  });

  test('an administrator ends all connections', async () => {
    const app = await start('postgres');
    await warmUp(app);
    const { refreshToken } = await signIn(app);
    await app.operator.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
    );
    expect((await refresh(app.url, refreshToken)).status).toBe(200);
  });

  test('an administrator ends the connection in the middle of the write', async () => {
    const app = await start('postgres');
    const { refreshToken, sessionId } = await signIn(app);
    const lock = await lockSessions(app.database, [sessionId]);
    const refreshed = refresh(app.url, refreshToken);
    await lock.awaited();
    await app.operator.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    await lock.awaited();
    await lock.release();
    const answer = await refreshed;
    expect([answer.status, answer.body.generation]).toEqual([200, 1]);
    expect((await refresh(app.url, answer.body.refresh_token)).status).toBe(200);
  });

  test('a limit for idle connections', async () => {
    const app = await start('postgres');
    await warmUp(app);
    const { refreshToken } = await signIn(app);
    await onEveryConnection(app, (runner) => runner.query(`SET idle_session_timeout = '50ms'`));
    expect((await refresh(app.url, refreshToken)).status).toBe(200);
  });
});

for (const name of ['postgres', 'mariadb'] as const) {
  test.skipIf(!databaseNamed(name).available)(
    `a table of ${name} is missing: 503, and the pool keeps its connections`,
    { timeout: 60_000 },
    async () => {
      const app = await start(name);
      await warmUp(app);
      const { refreshToken } = await signIn(app);
      const opened = connectionsOpenedBy(app);
      await app.operator.query('ALTER TABLE refresh_tokens RENAME TO elsewhere');
      const startedAt = performance.now();
      for (let request = 0; request < 50; request++) expect((await refresh(app.url, refreshToken)).status).toBe(503);
      const seconds = Math.floor((performance.now() - startedAt) / 1_000);
      // The first request and the revocation list find out at the same time, then one connection in each second.
      expect(opened.mock.calls.length).toBeLessThanOrEqual(2 + seconds);

      await app.operator.query('ALTER TABLE elsewhere RENAME TO refresh_tokens');
      const after = await refresh(app.url, refreshToken);
      expect([after.status, after.body.generation]).toEqual([200, 1]);
    },
  );
}

const mariadbPoisons = [
  { by: 'a session that is read-only', sql: 'SET SESSION TRANSACTION READ ONLY' },
  { by: 'another default database', sql: 'USE information_schema' },
];

describe.skipIf(!databaseNamed('mariadb').available)(
  'connections of MariaDB that went bad',
  { timeout: 60_000 },
  () => {
    test.for(mariadbPoisons)('$by: one refresh gets through', async ({ sql }) => {
      const app = await start('mariadb');
      await warmUp(app);
      const { refreshToken } = await signIn(app);
      await onEveryConnection(app, (runner) => runner.query(sql));
      const answer = await refresh(app.url, refreshToken);
      expect([answer.status, answer.body.generation]).toEqual([200, 1]);
      expect((await refresh(app.url, answer.body.refresh_token)).status).toBe(200);
    });

    test.for(['KILL CONNECTION', 'KILL QUERY'])('%s in the middle of the write', async (kill) => {
      const app = await start('mariadb');
      const { refreshToken, sessionId } = await signIn(app);
      const lock = await lockSessions(app.database, [sessionId]);
      const refreshed = refresh(app.url, refreshToken);
      await lock.awaited();
      const [{ id }] = await app.operator.query(
        `SELECT trx_mysql_thread_id AS id FROM information_schema.innodb_trx JOIN information_schema.processlist
         ON trx_mysql_thread_id = processlist.id WHERE db = database() AND trx_state = 'LOCK WAIT'`,
      );
      await app.operator.query(`${kill} ${Number(id)}`);
      // A query that is ended is repeated, and waits again. A connection that is ended may have written.
      if (kill === 'KILL QUERY') await lock.awaited();
      await lock.release();
      const answer = await refreshed;
      if (kill === 'KILL QUERY') expect(answer.status).toBe(200);
      else expect([200, 503]).toContain(answer.status);
      const again = await refresh(app.url, refreshToken);
      expect([again.status, again.body.generation]).toEqual([200, 1]);
    });

    test('an administrator ends all connections', async () => {
      const app = await start('mariadb');
      await warmUp(app);
      const { refreshToken } = await signIn(app);
      const connections = await app.operator.query(
        'SELECT id FROM information_schema.processlist WHERE db = database() AND id <> connection_id()',
      );
      for (const { id } of connections) await app.operator.query(`KILL ${Number(id)}`);
      expect((await refresh(app.url, refreshToken)).status).toBe(200);
    });
  },
);
