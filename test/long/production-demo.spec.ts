import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Adapter, adapters } from '../support/auth-app.js';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { type DemoProcess, startDemo } from '../support/demo-process.js';
import { AUTH_SECRET, type DemoSession, signIn, startedFolder } from '../support/demos.js';
import { bearer, login, refresh, send } from '../support/http.js';

const PASSWORD = 'chosen for these tests';
const BY_TLS = { 'x-forwarded-proto': 'https' };
const ROUTES = [
  '/',
  '/auth/me',
  '/metrics',
  '/profile',
  '/profile/name',
  '/admin/users',
  '/laboratory',
  '/laboratory/members',
  '/story',
];

describe.each(adapters)('the demo in production (%s)', (adapter: Adapter) => {
  let database: TestDatabase;
  let env: Record<string, string>;
  let demo: DemoProcess;
  /** Of a start for development. */
  let earlier: DemoSession;
  beforeAll(async () => {
    database = await databaseNamed('postgres').create();
    env = { DATABASE_URL: database.url!, AUTH_SECRET, HTTP_ADAPTER: adapter, TRUST_PROXY: 'loopback' };
    // A start for development leaves users behind. Without a password, a start in production locks them.
    const development = await startDemo(env);
    earlier = await signIn(development.url, 'admin');
    await development.stop();
    env = { ...env, NODE_ENV: 'production' };
    await (await startDemo(env)).stop();
    demo = await startDemo({ ...env, DEMO_PASSWORD: PASSWORD });
  });
  afterAll(async () => {
    await demo?.stop();
    await database?.drop();
  });

  test.each(ROUTES)('refuses plain HTTP at %s', async (path) => {
    const answer = await send('GET', demo.url + path);
    expect(answer).toMatchObject({ status: 403, body: { error: 'https_required' } });
  });

  test('answers the probes of its own network', async () => {
    expect((await send('GET', `${demo.url}/health/ready`)).status).toBe(200);
  });

  test.each(['/docs', '/docs-json', '/docs-yaml'])('has no %s', async (path) => {
    expect((await send('GET', demo.url + path, { headers: BY_TLS })).status).toBe(404);
  });

  test.each(['alice', 'bob', 'admin'])('does not know the password that everybody knows, of %s', async (username) => {
    const known = { username, password: `${username}-password` };
    expect((await login(demo.url, known, BY_TLS)).status).toBe(401);
    expect((await login(demo.url, { username, password: PASSWORD }, BY_TLS)).status).toBe(200);
    expect(demo.output()).not.toContain(PASSWORD);
    expect(demo.output()).not.toContain(known.password);
  });

  test('accepts no tokens of a start for development, not even with its secret', async () => {
    const headers = { ...BY_TLS, ...bearer(earlier.accessToken) };
    expect(await send('GET', `${demo.url}/profile`, { headers })).toMatchObject({
      status: 401,
      body: { error: 'invalid_token' },
    });
    expect(await refresh(demo.url, earlier.refreshToken, BY_TLS)).toMatchObject({
      status: 401,
      body: { error: 'invalid_grant' },
    });
  });

  test.each(['/', '/page/start-page.js', '/page/sign-in.js', '/page/guesses.js'])(
    'names no password that everybody knows at %s',
    async (path) => {
      const { status, body } = await send<string>('GET', demo.url + path, { headers: BY_TLS });
      expect(status).toBe(200);
      expect(body).not.toMatch(/-password`|(alice|bob|admin)-password/);
    },
  );

  test('does not say what serves it', async () => {
    for (const path of ['/', '/health', '/nowhere']) {
      const { headers } = await send('GET', demo.url + path, { headers: BY_TLS });
      expect(headers.get('x-powered-by')).toBeNull();
    }
  });

  test('creates no users without a password that was chosen', async () => {
    const fresh = await databaseNamed('postgres').create();
    const another = await startDemo({ ...env, DATABASE_URL: fresh.url! });
    for (const username of ['alice', 'bob', 'admin']) {
      const known = { username, password: `${username}-password` };
      expect((await login(another.url, known, BY_TLS)).status).toBe(401);
    }
    expect(another.output()).toContain('DEMO_PASSWORD');
    await another.stop();
    const chosen = await startDemo({ ...env, DATABASE_URL: fresh.url!, DEMO_PASSWORD: PASSWORD });
    expect((await login(chosen.url, { username: 'admin', password: PASSWORD }, BY_TLS)).status).toBe(200);
    await chosen.stop();
    await fresh.drop();
  });
});

test('with the embedded database, a start in production makes a secret of its own', async () => {
  const folder = await startedFolder();
  writeFileSync(`${folder}.secret`, AUTH_SECRET);
  const demo = await startDemo({ DATABASE_URL: folder, NODE_ENV: 'production', DEMO_PASSWORD: PASSWORD });
  const made = readFileSync(`${folder}.production.secret`, 'utf8');
  expect(made).toMatch(/^[\w-]{64}$/);
  expect(readFileSync(`${folder}.secret`, 'utf8')).toBe(AUTH_SECRET);
  expect(demo.output()).not.toContain(made);
  await demo.stop();
});
