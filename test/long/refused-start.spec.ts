import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { refreshTokenEntities, refreshTokenMigrations } from 'nestjs-refresh-token/typeorm';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { AUTH_SECRET, emptyFolder, refusedStart, saidLast } from '../support/demos.js';

describe('the demo does not start', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await databaseNamed('postgres').create();
  });
  afterAll(() => database.drop());

  /** Each with what its message must say. */
  const refusals: [string, Record<string, string>, RegExp][] = [
    [
      'without AUTH_SECRET on a server database',
      { AUTH_SECRET: '' },
      /AUTH_SECRET is missing.*openssl rand -base64 48/,
    ],
    ['with a weak AUTH_SECRET', { AUTH_SECRET: 'secret' }, /secret is weak.*openssl rand -base64 48/],
    [
      'with an AUTH_SECRET from a file, with its newline',
      { AUTH_SECRET: `${AUTH_SECRET}\n` },
      /secret has white space at its ends.*process\.env\.NAME\.trim\(\)/,
    ],
    ['with an AUTH_SECRET of one character', { AUTH_SECRET: 'x'.repeat(64) }, /secret is weak/],
    ['with a short DEMO_PASSWORD', { DEMO_PASSWORD: 'alice-password' }, /DEMO_PASSWORD is too short.*15/],
    ['with an invalid PORT', { PORT: 'http' }, /PORT is 'http'/],
    ['with a PORT too high', { PORT: '65536' }, /PORT is '65536'/],
    ['with an unknown HTTP_ADAPTER', { HTTP_ADAPTER: 'koa' }, /HTTP_ADAPTER is 'koa'.*express or fastify/],
    ['with a DPOP_NONCE that is neither', { DPOP_NONCE: 'yes' }, /DPOP_NONCE is 'yes'.*required or off/],
    ['with an invalid TRUST_PROXY', { TRUST_PROXY: 'true' }, /TRUST_PROXY is 'true'.*10\.0\.0\.0\/8/],
    ['with a range too long', { TRUST_PROXY: 'loopback, 10.0.0.0/33', HTTP_ADAPTER: 'fastify' }, /TRUST_PROXY is '/],
    ['with a fence of no country', { GEOFENCE_DENY: 'KP, uk' }, /'UK': there is no country UK.*'GB'/],
    ['with a duration without a unit', { ACCESS_TOKEN_TTL: '15' }, /"15".*'15m'/],
    ['with an access token for ever', { ACCESS_TOKEN_TTL: '365d' }, /between '1s' and '24h'/],
    ['with a session for ever', { REFRESH_TOKEN_TTL: '9999d' }, /between '1s' and '400d'/],
    ['with no idle time', { REFRESH_IDLE_TTL: 'never' }, /"never".*'15m'/],
    ['with a long window', { REFRESH_GRACE: '5m' }, /between '0s' and '60s'/],
    ['with late answers without a time', { LATE_ANSWERS: '1' }, /LATE_ANSWERS is '1'.*1\/1d/],
    ['with a delay of nothing', { REVOCATION_DELAY: '0s' }, /between '100ms' and '10m'/],
    ['where nobody listens', { DATABASE_URL: 'postgres://127.0.0.1:9/demo' }, /ECONNREFUSED/],
    [
      'where nobody listens, on a host of two addresses',
      { DATABASE_URL: 'postgres://localhost:9/demo' },
      /ECONNREFUSED/,
    ],
    ['where nobody listens, on MySQL', { DATABASE_URL: 'mysql://127.0.0.1:9/demo' }, /ECONNREFUSED/],
    ['on a database it does not know', { DATABASE_URL: 'mongodb://127.0.0.1:9/demo' }, /DATABASE_URL.*postgres/],
    ['on a URL with a typing error', { DATABASE_URL: 'postgress://127.0.0.1:9/demo' }, /DATABASE_URL.*postgres/],
  ];

  test('on tables of another version', async () => {
    const older = await databaseNamed('postgres').create();
    onTestFinished(() => older.drop());
    const env = { DATABASE_URL: older.url!, AUTH_SECRET };
    const dataSource = await new DataSource(older.options(refreshTokenEntities, refreshTokenMigrations)).initialize();
    await dataSource.runMigrations();
    await dataSource.query('ALTER TABLE refresh_tokens RENAME COLUMN asn TO network');
    await dataSource.destroy();
    const { code, output } = await refusedStart(env, dirname(emptyFolder()));
    expect(saidLast(output)).toMatch(
      /refresh_tokens was created by a different version of the demo: name a different database/,
    );
    expect(code).toBe(1);
  });

  test('in production with the secret that a start for development has made', async () => {
    const folder = emptyFolder();
    const file = `${folder}.secret`;
    writeFileSync(file, `${AUTH_SECRET}\n`);
    const { code, output } = await refusedStart({ NODE_ENV: 'production', DATABASE_URL: folder, AUTH_SECRET });
    expect(saidLast(output)).toMatch(
      /AUTH_SECRET is the secret in .*database\.secret.*development.*openssl rand -base64 48/,
    );
    expect(output).not.toContain(AUTH_SECRET);
    expect(code).toBe(1);
    expect(existsSync(folder)).toBe(false);
    expect(readFileSync(file, 'utf8')).toBe(`${AUTH_SECRET}\n`);
  });

  test.each(refusals)('%s', async (_, env, message) => {
    const cwd = dirname(emptyFolder());
    const { code, output } = await refusedStart({ DATABASE_URL: database.url!, AUTH_SECRET, ...env }, cwd);
    expect(saidLast(output)).toMatch(message);
    expect(output).not.toContain(AUTH_SECRET);
    expect(code).toBe(1);
    // What is no folder becomes none.
    expect(readdirSync(cwd)).toEqual([]);
  });
});
