import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { type DemoProcess, startDemo } from '../support/demo-process.js';
import { bearer, login, refresh, refreshCookie, send } from '../support/http.js';
import { as, AUTH_SECRET, startedFolder, signIn } from '../support/demos.js';

interface User {
  id: string;
  username: string;
  roles: string[];
  disabled: boolean;
}

const variants = [
  { adapter: 'express', database: 'an embedded database' },
  { adapter: 'fastify', database: 'PostgreSQL' },
];

describe.each(variants)('the demo on $adapter and $database', ({ adapter, database }) => {
  let demo: DemoProcess;
  let server: TestDatabase | undefined;
  const removals: (() => void)[] = [];
  beforeAll(async () => {
    if (database === 'PostgreSQL') server = await databaseNamed('postgres').create();
    const url = server?.url ?? (await startedFolder((remove) => removals.push(remove)));
    demo = await startDemo({ HTTP_ADAPTER: adapter, DATABASE_URL: url, AUTH_SECRET });
  });
  afterAll(async () => {
    await demo?.stop();
    await server?.drop();
    for (const remove of removals) remove();
  });
  const isAlive = async (refreshToken: string) => (await refresh(demo.url, refreshToken)).status === 200;

  test('prints its address and its users', () => {
    for (const line of [demo.url, 'alice / alice-password', 'bob / bob-password', 'admin / admin-password']) {
      expect(demo.output()).toContain(line);
    }
  });

  test('serves on the adapter that was asked for', async () => {
    const { headers } = await send('GET', `${demo.url}/health`);
    // Of the two, only Express makes an ETag. Neither says its name.
    expect(headers.has('etag')).toBe(adapter === 'express');
    expect(headers.has('x-powered-by')).toBe(false);
  });

  test('GET / is a page that names the users', async () => {
    const { status, headers, body } = await send<string>('GET', demo.url);
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
    for (const text of ['<!doctype html>', 'alice-password', 'bob-password', 'admin-password']) {
      expect(body).toContain(text);
    }
  });

  test.each(['/health', '/health/ready', '/health/live'])('GET %s needs no token', async (path) => {
    expect(await send('GET', demo.url + path)).toMatchObject({ status: 200, body: { status: 'ok' } });
  });

  test.each([
    ['alice', ['user']],
    ['bob', ['user']],
    ['admin', ['user', 'admin']],
  ])('%s signs in, has a profile, refreshes, and signs out', async (username, roles) => {
    const session = await signIn(demo.url, username);
    const profile = await as(session, 'GET', `${demo.url}/profile`);
    expect(profile).toMatchObject({ status: 200, body: { roles } });
    const { body } = await refresh(demo.url, session.refreshToken);
    expect((await as({ ...session, accessToken: body.access_token }, 'GET', `${demo.url}/auth/me`)).body).toMatchObject(
      {
        roles,
      },
    );
    const logout = await send('POST', `${demo.url}/auth/logout`, { body: { refresh_token: body.refresh_token } });
    expect(logout.status).toBe(204);
    expect(await isAlive(body.refresh_token)).toBe(false);
  });

  test('a browser gets its refresh token in the cookie', async () => {
    const answer = await login(demo.url, { username: 'alice', password: 'alice-password' });
    expect(refreshCookie(answer)).toMatch(/^nrt_/);
    expect(answer.body).not.toHaveProperty('refresh_token');
  });

  test('all other routes need a token, and those of the administrator the role', async () => {
    const alice = await signIn(demo.url, 'alice');
    for (const [method, path, body] of [
      ['GET', '/admin/users'],
      ['PUT', '/admin/users/alice/roles', { roles: ['admin'] }],
      ['PUT', '/admin/users/bob/disabled', { disabled: true }],
      ['DELETE', '/admin/users/bob/sessions'],
    ] as const) {
      expect((await send(method, demo.url + path, { body })).status, path).toBe(401);
      expect(await as(alice, method, demo.url + path, body), path).toMatchObject({
        status: 403,
        body: { error: 'forbidden' },
      });
    }
    expect((await send('GET', `${demo.url}/profile`)).status).toBe(401);
    expect((await send('POST', `${demo.url}/profile/password`, { body: {} })).status).toBe(401);
  });

  test('GET /admin/users lists the users without their passwords', async () => {
    const admin = await signIn(demo.url, 'admin');
    const { status, body } = await as<User[]>(admin, 'GET', `${demo.url}/admin/users`);
    expect(status).toBe(200);
    expect(body.map(({ username }) => username)).toEqual(['admin', 'alice', 'bob']);
    for (const user of body) expect(Object.keys(user).sort()).toEqual(['disabled', 'id', 'roles', 'username']);
    expect(JSON.stringify(body)).not.toContain('argon2');
  });

  test('PUT /admin/users/:username/roles is in force at the next refresh', async () => {
    const admin = await signIn(demo.url, 'admin');
    const bob = await signIn(demo.url, 'bob');
    const roles = (names: string[]) => as(admin, 'PUT', `${demo.url}/admin/users/bob/roles`, { roles: names });
    const statusAfterRefresh = async (token: string) => {
      const { body } = await refresh(demo.url, token);
      const session = { accessToken: body.access_token, refreshToken: body.refresh_token };
      return { ...session, status: (await as(session, 'GET', `${demo.url}/admin/users`)).status };
    };

    expect((await roles(['user', 'admin'])).status).toBe(204);
    const promoted = await statusAfterRefresh(bob.refreshToken);
    expect(promoted.status).toBe(200);
    expect((await roles(['user'])).status).toBe(204);
    expect((await statusAfterRefresh(promoted.refreshToken)).status).toBe(403);
  });

  test('PUT /admin/users/:username/disabled ends all sessions; enabling revives none of them', async () => {
    const admin = await signIn(demo.url, 'admin');
    const devices = [await signIn(demo.url, 'bob'), await signIn(demo.url, 'bob'), await signIn(demo.url, 'bob')];
    const disabled = (value: boolean) => as(admin, 'PUT', `${demo.url}/admin/users/bob/disabled`, { disabled: value });

    expect((await disabled(true)).status).toBe(204);
    for (const { refreshToken } of devices) expect(await isAlive(refreshToken)).toBe(false);
    const refused = await login(demo.url, { username: 'bob', password: 'bob-password' });
    expect(refused).toMatchObject({ status: 401, body: { error: 'invalid_credentials' } });

    expect((await disabled(false)).status).toBe(204);
    for (const { refreshToken } of devices) expect(await isAlive(refreshToken)).toBe(false);
    await signIn(demo.url, 'bob');
  });

  test('POST /profile/password ends the other sessions, and only those', async () => {
    const [current, other] = [await signIn(demo.url, 'alice'), await signIn(demo.url, 'alice')];
    const ofBob = await signIn(demo.url, 'bob');
    const change = (from: string, to: string) =>
      as(current, 'POST', `${demo.url}/profile/password`, { current: from, next: to });

    expect(await change('wrong-password', 'new-password')).toMatchObject({ status: 401 });
    expect((await change('alice-password', 'short')).status).toBe(400);
    const lives = (await refresh(demo.url, other.refreshToken)).body.refresh_token;
    expect(lives).toMatch(/^nrt_/);

    expect((await change('alice-password', 'new-password')).status).toBe(204);
    expect(await isAlive(lives)).toBe(false);
    expect(await isAlive(current.refreshToken)).toBe(true);
    expect(await isAlive(ofBob.refreshToken)).toBe(true);
    expect((await login(demo.url, { username: 'alice', password: 'alice-password' })).status).toBe(401);
    await signIn(demo.url, 'alice', 'new-password');
    expect((await change('new-password', 'alice-password')).status).toBe(204);
  });

  test('POST /profile/password by several at once: one succeeds, and no session of another outlives that', async () => {
    const devices = await Promise.all(Array.from({ length: 5 }, () => signIn(demo.url, 'bob')));
    const changes = await Promise.all(
      devices.map((device, index) =>
        as(device, 'POST', `${demo.url}/profile/password`, { current: 'bob-password', next: `bob-password-${index}` }),
      ),
    );
    const won = changes.findIndex(({ status }) => status === 204);
    changes.forEach(({ status }, index) => expect(status, `${index} of ${won}`).toBe(index === won ? 204 : 401));
    for (const [index, { refreshToken }] of devices.entries()) expect(await isAlive(refreshToken)).toBe(index === won);
    const again = await signIn(demo.url, 'bob', `bob-password-${won}`);
    const back = { current: `bob-password-${won}`, next: 'bob-password' };
    expect((await as(again, 'POST', `${demo.url}/profile/password`, back)).status).toBe(204);
  });

  test('DELETE /admin/users/:username/sessions ends all of that user’s, and no other', async () => {
    const admin = await signIn(demo.url, 'admin');
    const [one, two, ofBob] = [
      await signIn(demo.url, 'alice'),
      await signIn(demo.url, 'alice'),
      await signIn(demo.url, 'bob'),
    ];
    // As clients do that name the type on every request.
    const headers = { ...bearer(admin.accessToken), 'content-type': 'application/json' };
    expect((await send('DELETE', `${demo.url}/admin/users/alice/sessions`, { headers })).status).toBe(204);
    expect(await isAlive(one.refreshToken)).toBe(false);
    expect(await isAlive(two.refreshToken)).toBe(false);
    expect(await isAlive(ofBob.refreshToken)).toBe(true);
    expect(await isAlive(admin.refreshToken)).toBe(true);
  });

  test('bad requests of an administrator change nothing', async () => {
    const admin = await signIn(demo.url, 'admin');
    const put = (path: string, body: unknown) => as(admin, 'PUT', `${demo.url}/admin/users/${path}`, body);
    const description = expect.any(String) as string;
    // RFC 6749 §5.2 leaves out quotes and backslashes.
    const plain = expect.stringMatching(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/) as string;
    const malformed = { status: 400, body: { error: 'invalid_request', error_description: plain } };
    const unknown = { status: 404, body: { error: 'not_found', error_description: description } };
    for (const roles of ['admin', [1], [''], [[]], { 0: 'admin' }, null, Array(21).fill('x'), ['x'.repeat(65)]]) {
      expect(await put('alice/roles', { roles }), JSON.stringify(roles)).toMatchObject(malformed);
    }
    for (const disabled of ['true', 1, null, undefined]) {
      expect(await put('alice/disabled', { disabled }), String(disabled)).toMatchObject(malformed);
    }
    for (const nobody of ['nobody', 'ALICE', 'alice%20', 'x'.repeat(5_000), '%F0%9F%98%80']) {
      expect(await put(`${nobody}/roles`, { roles: [] }), nobody).toMatchObject(unknown);
      expect(await put(`${nobody}/disabled`, { disabled: true }), nobody).toMatchObject(unknown);
      expect(await as(admin, 'DELETE', `${demo.url}/admin/users/${nobody}/sessions`)).toMatchObject(unknown);
    }
    const { body } = await as<User[]>(admin, 'GET', `${demo.url}/admin/users`);
    expect(body.find(({ username }) => username === 'alice')).toMatchObject({ roles: ['user'], disabled: false });
  });

  test('the last administrator stays one, until there is another', async () => {
    const admin = await signIn(demo.url, 'admin');
    const put = (path: string, body: unknown) => as(admin, 'PUT', `${demo.url}/admin/users/${path}`, body);
    const refused = {
      status: 409,
      body: { error: 'last_administrator', error_description: expect.any(String) as string },
    };
    expect(await put('admin/roles', { roles: ['user'] })).toMatchObject(refused);
    expect(await put('admin/disabled', { disabled: true })).toMatchObject(refused);
    expect(await isAlive(admin.refreshToken)).toBe(true);

    expect((await put('bob/roles', { roles: ['user', 'admin'] })).status).toBe(204);
    const bob = await signIn(demo.url, 'bob');
    const asBob = (path: string, body: unknown) => as(bob, 'PUT', `${demo.url}/admin/users/${path}`, body);
    expect((await asBob('admin/disabled', { disabled: true })).status).toBe(204);
    expect(await asBob('bob/roles', { roles: ['user'] })).toMatchObject(refused);
    expect((await asBob('admin/disabled', { disabled: false })).status).toBe(204);
    expect((await asBob('bob/roles', { roles: ['user'] })).status).toBe(204);
  });

  test('a name that no text of the database can hold is nobody’s', async () => {
    const admin = await signIn(demo.url, 'admin');
    for (const [method, path, body] of [
      ['PUT', 'x%00/roles', { roles: [] }],
      ['PUT', 'x%00/disabled', { disabled: true }],
      ['DELETE', 'x%00/sessions', undefined],
    ] as const) {
      expect((await as(admin, method, `${demo.url}/admin/users/${path}`, body)).status, path).toBe(404);
    }
  });

  test('a URL that is odd is answered like every other bad one, and not with its own words', async () => {
    const alice = await signIn(demo.url, 'alice');
    for (const [path, status, error] of [
      [`/auth/sessions/${'canary'.repeat(1_000)}`, 404, 'not_found'],
      ['/auth/sessions/canary%', 400, 'invalid_request'],
      ['/auth/sessions/canary%E0%A4%A', 400, 'invalid_request'],
      ['/auth/sessions/canary/canary', 404, 'not_found'],
      ['/auth/canary', 404, 'not_found'],
    ] as const) {
      const answer = await as(alice, 'DELETE', demo.url + path);
      expect(answer, path).toMatchObject({ status, body: { error } });
      expect(Object.keys(answer.body as object), path).toEqual(['error', 'error_description']);
      expect(JSON.stringify(answer.body)).not.toContain('canary');
      expect(answer.headers.get('cache-control'), path).toBe('no-store');
      expect(answer.headers.get('x-content-type-options'), path).toBe('nosniff');
    }
  });

  test('who travels without saying where to comes home', async () => {
    const alice = await signIn(demo.url, 'alice');
    const travel = (body?: unknown) => as(alice, 'POST', `${demo.url}/laboratory/travel`, body);
    expect((await travel({ country: 'JP' })).headers.get('set-cookie')).toContain('_country=JP;');
    for (const body of [undefined, {}, { country: null }]) {
      const { status, headers } = await travel(body);
      expect(status, JSON.stringify(body)).toBe(204);
      expect(headers.get('set-cookie')).toMatch(/_country=;.*Max-Age=0/);
    }
    expect((await travel({ country: 'XX' })).status).toBe(400);
    expect((await as(alice, 'POST', `${demo.url}/laboratory/use-stolen`)).status).toBe(400);
  });

  test('the docs have a policy of their own, all else the strict one', async () => {
    const policy = async (path: string) => {
      const { headers } = await send('GET', demo.url + path);
      expect(headers.get('x-content-type-options'), path).toBe('nosniff');
      return headers.get('content-security-policy');
    };
    const strict = await policy('/');
    const ofDocs = await policy('/docs');
    expect(strict).toContain("style-src 'self';");
    expect(ofDocs).toContain("script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;");
    for (const path of ['/docs/', '/docs/swagger-ui.css', '/docs-json']) expect(await policy(path), path).toBe(ofDocs);
    for (const path of ['/docsx', '/health', '/nowhere']) expect(await policy(path), path).toBe(strict);
  });

  test('a body that cannot be parsed is answered like every other bad one', async () => {
    const headers = { 'content-type': 'application/json' };
    const answer = await send('POST', `${demo.url}/auth/login`, { headers, text: '{"password":"canary' });
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(JSON.stringify(answer.body)).not.toContain('canary');
  });
});
