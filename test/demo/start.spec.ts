import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { startDemo } from '../support/demo-process.js';
import { cookiesSet, login, refresh } from '../support/http.js';
import { as, AUTH_SECRET, emptyFolder, refusedStart, saidLast, signIn } from '../support/demos.js';

const ALICE = { username: 'alice', password: 'alice-password' };

describe('the demo on an embedded database', () => {
  test('needs no setting, and keeps its secret and its sessions over a restart', async () => {
    const cwd = dirname(emptyFolder());
    const folder = join(cwd, '.demo', 'database');
    const first = await startDemo({}, { cwd });
    const secret = readFileSync(`${folder}.secret`, 'utf8');
    expect(Buffer.from(secret, 'base64url').length).toBeGreaterThanOrEqual(32);
    expect(statSync(`${folder}.secret`).mode & 0o777).toBe(0o600);
    expect(first.output()).not.toContain(secret);
    const { refreshToken, accessToken } = await signIn(first.url, 'alice');

    // A second process on the folder would damage it.
    const second = await refusedStart({ DATABASE_URL: folder });
    expect(second.code).toBe(1);
    expect(saidLast(second.output)).toMatch(/process \d+/);
    const successor = (await refresh(first.url, refreshToken)).body.refresh_token;
    expect(successor).toMatch(/^nrt_/);
    await first.stop();
    expect(existsSync(join(folder, 'pglite.lock'))).toBe(false);

    const restarted = await startDemo({ HTTP_ADAPTER: 'fastify' }, { cwd });
    expect(readFileSync(`${folder}.secret`, 'utf8')).toBe(secret);
    expect((await refresh(restarted.url, successor)).status).toBe(200);
    expect((await as({ refreshToken, accessToken }, 'GET', `${restarted.url}/profile`)).status).toBe(200);
    await restarted.stop();
  });

  test('is no worse for a refused start; and where AUTH_SECRET is given, no other is written', async () => {
    const folder = emptyFolder();
    const refused = await refusedStart({ DATABASE_URL: folder, AUTH_SECRET, ACCESS_TOKEN_TTL: 'soon' });
    expect(refused.code).toBe(1);
    const demo = await startDemo({ DATABASE_URL: `file:${folder}`, AUTH_SECRET });
    await signIn(demo.url, 'bob');
    await demo.stop();
    expect(existsSync(`${folder}.secret`)).toBe(false);
  });
});

describe('the demo on PostgreSQL', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await databaseNamed('postgres').create();
  });
  afterAll(() => database.drop());

  test('is one service, however many processes: two start at once, and serve each other’s sessions', async () => {
    const env = { DATABASE_URL: database.url!, AUTH_SECRET };
    const [one, two] = await Promise.all([startDemo(env), startDemo({ ...env, HTTP_ADAPTER: 'fastify' })]);
    const session = await signIn(one.url, 'alice');
    expect((await as(session, 'GET', `${two.url}/profile`)).status).toBe(200);
    const { body } = await refresh(two.url, session.refreshToken);
    expect((await refresh(one.url, session.refreshToken)).body.refresh_token).toBe(body.refresh_token);
    const next = { accessToken: body.access_token, refreshToken: body.refresh_token };
    expect((await as(next, 'POST', `${two.url}/auth/logout-all`)).status).toBe(204);
    expect((await refresh(one.url, body.refresh_token)).status).toBe(401);
    await Promise.all([one.stop(), two.stop()]);
  });

  test('takes its durations from the environment', async () => {
    const demo = await startDemo({
      DATABASE_URL: database.url!,
      AUTH_SECRET,
      ACCESS_TOKEN_TTL: '2h',
      REFRESH_TOKEN_TTL: '4d',
      REFRESH_IDLE_TTL: '3d',
      REFRESH_GRACE: '0s',
    });
    const answer = await login(demo.url, ALICE);
    expect(answer.body.expires_in).toBe(7200);
    const { maxAge } = cookiesSet(answer)[0];
    expect(maxAge).toBeGreaterThan(3 * 86_400 - 30);
    expect(maxAge).toBeLessThanOrEqual(3 * 86_400);

    const { refreshToken, accessToken } = await signIn(demo.url, 'bob');
    const sessions = await as<{ created_at: string; expires_at: string }[]>(
      { refreshToken, accessToken },
      'GET',
      `${demo.url}/auth/sessions`,
    );
    const [{ created_at, expires_at }] = sessions.body;
    expect(Date.parse(expires_at) - Date.parse(created_at)).toBe(4 * 86_400_000);
    expect((await refresh(demo.url, refreshToken)).status).toBe(200);
    expect((await refresh(demo.url, refreshToken)).status).toBe(401);
    await demo.stop();
  });

  test('leaves users alone that are there already', async () => {
    const env = { DATABASE_URL: database.url!, AUTH_SECRET };
    const first = await startDemo(env);
    const admin = await signIn(first.url, 'admin');
    await as(admin, 'PUT', `${first.url}/admin/users/bob/disabled`, { disabled: true });
    await first.stop();
    const second = await startDemo(env);
    expect((await login(second.url, { username: 'bob', password: 'bob-password' })).status).toBe(401);
    await second.stop();
  });
});
