import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { databaseNamed } from '../support/databases.js';
import { login, refresh, send } from '../support/http.js';
import { signIn } from '../support/listening.js';
import { connectionsOpenedBy, onEveryConnection, POOL, startWithPool as start, warmUp } from '../support/pools.js';
import { lockSessions } from '../support/row-lock.js';
import { eventually } from '../support/eventually.js';

const READ_ONLY = 'SET default_transaction_read_only = on';

interface Poison {
  by: string;
  /** What is left on each connection. `#` is the name of the connection. */
  sql: string[];
  /** Whether the last of them fails, and leaves the connection so. */
  fails?: boolean;
  before?: string[];
}

/** Each connection of the pool is like this. One refresh gets through, and is committed. */
async function expectToGetThrough(name: 'postgres' | 'mariadb', { sql, fails, before = [] }: Poison): Promise<void> {
  const app = await start(name);
  await warmUp(app);
  const failures = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  onTestFinished(() => failures.mockRestore());
  for (const statement of before) await app.operator.query(statement);
  const { refreshToken } = await signIn(app, { device_name: '日本' });
  await onEveryConnection(app, async (runner, index) => {
    const left = sql.map((statement) => statement.replace('#', `${app.operator.driver.database}-${index}`));
    const last = fails ? left.pop() : undefined;
    for (const statement of left) await runner.query(statement);
    if (last !== undefined) await expect(runner.query(last)).rejects.toThrow();
  });

  const answer = await refresh(app.url, refreshToken);
  expect([answer.status, answer.body.generation]).toEqual([200, 1]);
  // To the table of all others.
  const [{ generation }] = await app.operator.query(
    `SELECT generation FROM refresh_tokens WHERE id = '${answer.body.session_id}'`,
  );
  expect(Number(generation)).toBe(1);
  const next = await refresh(app.url, answer.body.refresh_token);
  expect([next.status, next.body.generation]).toEqual([200, 2]);
}

const poisons: Poison[] = [
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
  { by: 'a transaction that was left after an error', sql: ['BEGIN', 'SELECT 1/0'], fails: true },
  { by: 'another encoding', sql: [`SET client_encoding = 'LATIN1'`] },
];

describe('connections of PostgreSQL that went bad', () => {
  test.for(poisons)('$by: one refresh gets through', (poison) => expectToGetThrough('postgres', poison));

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
    await eventually(async () => {
      const after = await refresh(app.url, refreshToken);
      expect([after.status, after.body.generation]).toEqual([200, 1]);
    });
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

const mariadbPoisons: Poison[] = [
  { by: 'a session that is read-only', sql: ['SET SESSION TRANSACTION READ ONLY'] },
  { by: 'another default database', sql: ['USE information_schema'] },
  { by: 'a transaction that was left open', sql: ['BEGIN'] },
  { by: 'a snapshot that was left open', sql: ['START TRANSACTION WITH CONSISTENT SNAPSHOT'] },
  { by: 'autocommit switched off', sql: ['SET autocommit = 0'] },
  { by: 'a distributed transaction', sql: [`XA START '#'`] },
  { by: 'a distributed transaction that waits', sql: [`XA START '#'`, `XA END '#'`] },
  { by: 'tables that are locked', sql: ['LOCK TABLES refresh_tokens READ'] },
  { by: 'answers without rows', sql: ['SET SESSION sql_select_limit = 0'] },
  {
    by: 'a temporary table of the same name',
    before: ['CREATE TABLE model LIKE refresh_tokens'],
    sql: ['CREATE TEMPORARY TABLE refresh_tokens LIKE model'],
  },
];

describe.skipIf(!databaseNamed('mariadb').available)('connections of MariaDB that went bad', () => {
  test.for(mariadbPoisons)('$by: one refresh gets through, and is committed', (poison) =>
    expectToGetThrough('mariadb', poison),
  );

  test.for(['BEGIN', 'SET autocommit = 0'])('after %s, no answer says what was not committed', async (sql) => {
    const app = await start('mariadb');
    await warmUp(app);
    const { refreshToken, sessionId } = await signIn(app);
    await onEveryConnection(app, (runner) => runner.query(sql));
    const signedOut = await send('POST', `${app.url}/auth/logout`, { body: { refresh_token: refreshToken } });
    expect(signedOut.status).toBe(204);
    await onEveryConnection(app, (runner) => runner.query(sql));
    const begun = await signIn(app);
    const rows = await app.operator.query(
      `SELECT revoked_at IS NULL AS live FROM refresh_tokens WHERE id IN ('${sessionId}', '${begun.sessionId}')
         ORDER BY created_at, live`,
    );
    expect(rows.map(({ live }: { live: unknown }) => Number(live))).toEqual([0, 1]);
  });

  test('answers with a single row: all of many refreshes at once get through', async () => {
    const app = await start('mariadb');
    await warmUp(app);
    const sessions = await Promise.all(Array.from({ length: 8 }, () => signIn(app)));
    await onEveryConnection(app, (runner) => runner.query('SET SESSION sql_select_limit = 1'));
    const answers = await Promise.all(sessions.map(({ refreshToken }) => refresh(app.url, refreshToken)));
    expect(answers.map(({ status }) => status)).toEqual(sessions.map(() => 200));
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
});
