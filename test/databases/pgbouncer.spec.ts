import { Logger } from '@nestjs/common';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type AuthApp, createAuthApp, createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { login, refresh } from '../support/http.js';
import {
  pgbouncerAvailable,
  type PgBouncerSettings,
  startPgBouncer,
  tracksPreparedStatements,
} from '../support/pgbouncer.js';

/** An application that reaches PostgreSQL through PgBouncer in transaction mode. */
async function start(settings: PgBouncerSettings, options = {}): Promise<{ app: AuthApp; warnings: string[] }> {
  const warn = vi.spyOn(Logger.prototype, 'warn').mockReturnValue(undefined);
  onTestFinished(() => warn.mockRestore());
  const database = await databaseNamed('postgres').create();
  onTestFinished(() => database.drop());
  await (await createAuthContext(database)).close();
  const pgbouncer = await startPgBouncer(database.url!, { default_pool_size: 4, ...settings });
  onTestFinished(() => pgbouncer.stop());
  const dataSource = { url: pgbouncer.url, logging: false };
  const app = await createAuthApp('express', database, { dataSource: dataSource as object, options });
  onTestFinished(() => app.close());
  app.app.useLogger(false);
  warn.mockClear();
  return {
    app,
    get warnings() {
      return warn.mock.calls.map(([message]) => String(message)).filter((message) => message.includes('pooler'));
    },
  };
}

const credentials = { username: 'alice', password: 'alice-password', transport: 'body' as const };

/** Chains that refresh at the same time. Resolves to the status codes of all answers. */
async function refreshTogether({ url }: AuthApp, chains: number, refreshes: number): Promise<number[]> {
  const statuses: number[] = [];
  await Promise.all(
    Array.from({ length: chains }, async () => {
      let answer = await login(url, credentials);
      statuses.push(answer.status);
      for (let index = 0; index < refreshes; index++) {
        answer = await refresh(url, answer.body.refresh_token);
        statuses.push(answer.status);
      }
    }),
  );
  return statuses;
}

const kinds: { by: string; settings: PgBouncerSettings; warned: number }[] = [
  { by: 'one that does not track prepared statements', settings: {}, warned: 1 },
  {
    by: 'one that resets each connection of the server',
    settings: { server_reset_query: 'DISCARD ALL', server_reset_query_always: 1 },
    warned: 1,
  },
  ...(tracksPreparedStatements()
    ? [{ by: 'one that tracks prepared statements', settings: { max_prepared_statements: 200 }, warned: 0 }]
    : []),
  { by: 'one in session mode', settings: { pool_mode: 'session', default_pool_size: 20 }, warned: 0 },
];

describe.skipIf(!pgbouncerAvailable)('a PgBouncer', () => {
  test.for(kinds)('$by: each refresh is answered', async ({ settings, warned }) => {
    const host = await start(settings, { refreshToken: { maxSessionsPerUser: 100 } });
    expect(new Set(await refreshTogether(host.app, 20, 8))).toEqual(new Set([200]));
    expect(host.warnings).toHaveLength(warned);
  });

  test('preparedStatements: false needs no warning', async () => {
    const host = await start({}, { preparedStatements: false });
    expect(new Set(await refreshTogether(host.app, 8, 4))).toEqual(new Set([200]));
    expect(host.warnings).toEqual([]);
  });

  test('one in statement mode: each refresh is answered', async () => {
    const host = await start({ pool_mode: 'statement' });
    expect(new Set(await refreshTogether(host.app, 8, 4))).toEqual(new Set([200]));
  });

  test('one in statement mode is refused at the start if sessions per user are limited', async () => {
    const limited = { refreshToken: { maxSessionsPerUser: 5 } };
    await expect(start({ pool_mode: 'statement' }, limited)).rejects.toMatchObject({
      code: 'invalid_configuration',
      message: expect.stringContaining('Set pool_mode'),
    });
  });
});
