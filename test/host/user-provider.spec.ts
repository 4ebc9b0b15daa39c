import { Controller, ForbiddenException, Get, Post, UseGuards } from '@nestjs/common';
import {
  AccessTokenService,
  type AuthUser,
  CurrentUser,
  JwtAuthGuard,
  RefreshTokenService,
  Roles,
  RolesGuard,
  SignInService,
} from 'nestjs-refresh-token';
import { beforeEach, describe, expect, test } from 'vitest';
import { HostUsers } from '../support/auth-app.js';
import { bearer, login, refresh, send } from '../support/http.js';
import { claimsOf, listening, signIn } from '../support/listening.js';
import { errorsDuring } from '../support/logged-errors.js';
import { CANARY, expectRefusal, expectRefused, rowsOf } from '../support/refused.js';

const FAULT = { status: 500, error: 'server_error' };
const ALICE = { id: 'user-alice', roles: ['user'] };

class UserRow {
  readonly #id = 'user-alice';
  get id() {
    return this.#id;
  }
  get roles() {
    return ['user'];
  }
}

function throwing(name: string): object {
  return Object.defineProperty({ ...ALICE }, name, {
    enumerable: true,
    get() {
      throw new Error(CANARY);
    },
  });
}

const sparse = () => Object.assign(new Array<string>(2), { 1: 'admin' });

/** What a list of roles or permissions must not be. */
const lists: [string, unknown][] = [
  ['a text that has the role in it', `not-admin-${CANARY}`],
  ['a text', 'admin'],
  ['an empty text', ''],
  ['null', null],
  ['a Set', new Set(['admin', CANARY])],
  ['a Map', new Map([['admin', CANARY]])],
  ['an object', { admin: true, [CANARY]: 1 }],
  ['array-like', { 0: 'admin', length: 1 }],
  ['a list of objects', [{ name: CANARY }]],
  ['a list of lists', [['admin', CANARY]]],
  ['a list of numbers', [1, 2]],
  ['a list with null', ['admin', null]],
  ['a list with holes', sparse()],
  ['a number', 7],
  ['true', true],
  ['a function', () => ['admin']],
  ['a promise', Promise.resolve(['admin'])],
  ['a typed array', new Uint8Array(2)],
  ['too much for any header', Array.from({ length: 20_000 }, (_, index) => `${CANARY}-${index}`)],
];

const ids: [string, unknown][] = [
  ['a number', 7],
  ['a bigint', 7n],
  ['NaN', NaN],
  ['missing', undefined],
  ['null', null],
  ['empty', ''],
  ['spaces', '   '],
  ['too long', `${CANARY}${'x'.repeat(250)}`],
  ['too long, of emoji', '🦊'.repeat(256)],
  ['text with NUL', `${CANARY}\0`],
  ['text with a line break', `${CANARY}\nfaked line of the log`],
  ['half a character', `${CANARY}\ud83e`],
  ['an object', { toString: () => 'user-alice' }],
  ['a String object', new String('user-alice')],
  ['a buffer', Buffer.from(CANARY)],
  ['a symbol', Symbol(CANARY)],
];

/** What the provider returns, and what the log must name. */
const wrong: [string, field: RegExp, user: unknown][] = [
  ...lists.map(([is, value]) => [`roles are ${is}`, /\broles\b/, { ...ALICE, roles: value }] as never),
  ['roles are missing', /\broles\b.*undefined/, { id: 'user-alice' }],
  ...lists.map(([is, value]) => [`permissions are ${is}`, /permissions/, { ...ALICE, permissions: value }] as never),
  ...ids.map(([is, value]) => [`id is ${is}`, /\bid\b/, { ...ALICE, id: value }] as never),
  ['credentialsVersion is NaN', /credentialsVersion.*number/, { ...ALICE, credentialsVersion: NaN }],
  ['credentialsVersion is a Date', /credentialsVersion.*Date/, { ...ALICE, credentialsVersion: new Date() }],
  ['user is a list', /an array/, [ALICE]],
  ['user is an empty list', /an array/, []],
  ['user is a text', /of the type string/, CANARY],
  ['user is an empty text', /of the type string/, ''],
  ['user is true', /of the type boolean/, true],
  ['user is a number', /of the type number/, 1],
  ['user is 0', /of the type number/, 0],
  ['user is a function', /of the type function/, () => ALICE],
  ['user is empty', /\bid\b.*undefined/, {}],
  ['user has a promise in it', /\broles\b.*promise/, { ...ALICE, roles: Promise.resolve([]) }],
  ['user is a Map', /\bid\b/, new Map(Object.entries(ALICE))],
  ['id throws when it is read', /\bid\b.*getter/, throwing('id')],
  ['roles throw when they are read', /\broles\b.*getter/, throwing('roles')],
  ['permissions throw when they are read', /permissions.*getter/, throwing('permissions')],
  ['credentialsVersion throws when it is read', /credentialsVersion.*getter/, throwing('credentialsVersion')],
];

const right: [string, AuthUser][] = [
  ['frozen', Object.freeze({ ...ALICE, roles: Object.freeze(['user']) as string[] })],
  ['an instance of a class with getters', new UserRow()],
  ['without a prototype', Object.assign(Object.create(null) as object, ALICE) as AuthUser],
  ['huge in fields that are not signed', { ...ALICE, picture: 'x'.repeat(5_000_000) } as AuthUser],
  ['circular', Object.assign({ ...ALICE }, { self: ALICE })],
  ['of an id with Unicode and spaces', { id: `Zoë 🦊 ${'字'.repeat(246)}`, roles: [] }],
  ['of many roles', { ...ALICE, roles: Array.from({ length: 300 }, (_, index) => `role-${index}`) }],
];

@Controller('host')
class HostController {
  constructor(
    readonly sessions: RefreshTokenService,
    readonly signIn: SignInService,
    readonly accessTokens: AccessTokenService,
  ) {}

  issued: unknown;

  @Post('issue')
  issue() {
    return this.sessions.issue(this.issued as AuthUser);
  }

  @Get('admin')
  @UseGuards(JwtAuthGuard, RolesGuard)
  @Roles('admin')
  admin(@CurrentUser() { id }: AuthUser) {
    return { id };
  }
}

/** Runs the work, and expects one line in the log, which names the source and the field but no value. */
async function expectReported(work: () => Promise<unknown>, source: string, field: RegExp): Promise<void> {
  const errors = await errorsDuring(work);
  expect(errors).toHaveLength(1);
  expect(errors[0]).toContain(`${source}:`);
  expect(errors[0]).toMatch(field);
  for (const value of [CANARY, 'not-admin', '\n']) expect(errors[0]).not.toContain(value);
}

describe.each(['express', 'fastify'] as const)('a user provider that returns a wrong user (%s)', (adapter) => {
  const app = listening(adapter, { controllers: [HostController], options: { userProviderTimeout: '200ms' } });
  const original = new HostUsers();
  beforeEach(() => {
    for (const method of ['loadUser', 'validateCredentials', 'reauthenticate'] as const) {
      app.users[method] = original[method] as never;
    }
  });
  const cases = adapter === 'express' ? wrong : wrong.slice(0, 3);

  test.each(cases)('whose %s: the login fails once, and no session begins', async (_, field, user) => {
    app.users.validateCredentials = async () => user as AuthUser;
    const call = () => login(app.url, { username: 'alice', password: 'alice-password' });
    await expectReported(() => expectRefused(app, call, FAULT), 'HostUsers.validateCredentials', field);
  });

  test.each(cases)('whose %s: the refresh fails, and the token is as good as before', async (_, field, user) => {
    const { refreshToken } = await signIn(app);
    app.users.loadUser = async () => user as AuthUser;
    const call = () => expectRefused(app, () => refresh(app.url, refreshToken), FAULT, [refreshToken]);
    await expectReported(call, 'HostUsers.loadUser', field);

    app.users.loadUser = original.loadUser;
    expect((await refresh(app.url, refreshToken)).status).toBe(200);
  });

  test.each(cases)('whose %s: the step-up fails, and the token is as good as before', async (_, field, user) => {
    const { refreshToken } = await signIn(app);
    app.users.reauthenticate = async () => user as AuthUser;
    const body = { refresh_token: refreshToken, password: 'alice-password' };
    const call = () => expectRefused(app, () => send('POST', `${app.url}/auth/step-up`, { body }), FAULT);
    await expectReported(call, 'HostUsers.reauthenticate', field);

    app.users.reauthenticate = original.reauthenticate;
    expect((await send('POST', `${app.url}/auth/step-up`, { body })).status).toBe(200);
  });

  test.each([...cases, ['user is null', /null/, null] as const])(
    'whose %s: a session for it cannot be issued',
    async (_, field, user) => {
      app.app.get(HostController).issued = user;
      const before = await rowsOf(app);
      const issue = async () => {
        expect(await send('POST', `${app.url}/host/issue`)).toMatchObject({
          status: 500,
          body: { error: FAULT.error },
        });
      };
      await expectReported(issue, 'RefreshTokenService.issue', field);
      expect(await rowsOf(app)).toEqual(before);
    },
  );

  test('after the session has been stored: nothing is granted, and the session ends', async () => {
    app.users.loadUser = async () => ({ ...ALICE, roles: 'admin' as never });
    const call = async () => {
      expectRefusal(await login(app.url, { username: 'alice', password: 'alice-password' }), FAULT);
    };
    await expectReported(call, 'HostUsers.loadUser', /\broles\b/);
    expect((await rowsOf(app)).filter(({ revokedReason }) => revokedReason === 'sign_in_failed')).toHaveLength(1);
  });

  test('of another id: refused at the refresh and at the step-up', async () => {
    const { refreshToken } = await signIn(app);
    app.users.loadUser = app.users.reauthenticate = async () => ({ id: 'user-admin', roles: ['admin'] });
    const body = { refresh_token: refreshToken, password: 'alice-password' };
    for (const [method, path] of [
      ['loadUser', 'refresh'],
      ['reauthenticate', 'step-up'],
    ]) {
      const call = () => expectRefused(app, () => send('POST', `${app.url}/auth/${path}`, { body }), FAULT);
      await expectReported(call, `HostUsers.${method}`, /\bid\b.*asked for/);
    }
  });
});

describe('a user provider', () => {
  const app = listening('express', { controllers: [HostController] });
  const original = new HostUsers();
  beforeEach(() => {
    app.users.loadUser = original.loadUser;
    app.users.validateCredentials = original.validateCredentials;
  });

  test.each(right)('may return a user that is %s', async (_, user) => {
    app.users.validateCredentials = app.users.loadUser = async () => user;
    const { refreshToken } = await signIn(app);
    const answer = await refresh(app.url, refreshToken);
    expect(answer.status).toBe(200);
    expect(claimsOf(answer.body.access_token)).toMatchObject({ sub: user.id, roles: user.roles });
    const sessions = await send('GET', `${app.url}/auth/sessions`, { headers: bearer(answer.body.access_token) });
    expect(sessions.status).toBe(200);
  });

  test.each([null, undefined, false])('says with %s that there is no such user', async (nothing) => {
    const { refreshToken } = await signIn(app);
    app.users.validateCredentials = app.users.loadUser = async () => nothing as null;
    expect((await login(app.url, { username: 'alice', password: 'x' })).body.error).toBe('invalid_credentials');
    expect((await refresh(app.url, refreshToken)).body.error).toBe('invalid_grant');
  });

  test('that throws an HttpException of the host is not rewritten', async () => {
    const { signIn: service, sessions } = app.app.get(HostController);
    const refreshToken = (await sessions.issue(ALICE)).refreshToken;
    const thrown = new ForbiddenException('Confirm your address first.');
    app.users.validateCredentials = app.users.loadUser = () => Promise.reject(thrown);
    await expect(service.signIn('alice', 'alice-password')).rejects.toBe(thrown);
    await expect(sessions.refresh(refreshToken)).rejects.toBe(thrown);
    app.users.loadUser = original.loadUser;
    await sessions.refresh(refreshToken);
  });

  test.each(['not-admin', new Set(['admin']), { includes: () => true }, null, undefined])(
    'of an earlier version: a token whose roles are %j opens no route with @Roles',
    async (roles) => {
      const { accessTokens } = app.app.get(HostController);
      const session = { id: crypto.randomUUID(), clientId: 'x', scope: '', generation: 0, expiresAt: 9e15 };
      const { accessToken } = accessTokens.mint({ id: 'user-alice', roles: roles as never }, session);
      const answer = await send('GET', `${app.url}/host/admin`, { headers: bearer(accessToken) });
      expect([401, 403]).toContain(answer.status);
    },
  );
});

describe('loadUsers', () => {
  class ManyUsers extends HostUsers {
    answer: (ids: readonly string[]) => unknown;
    loadUsers = async (ids: readonly string[]) => this.answer(ids) as AuthUser[];
  }
  const users = new ManyUsers();
  const all = (ids: readonly string[]) => [...users.users.values()].filter(({ id }) => ids.includes(id));
  const app = listening('express', { users });
  beforeEach(() => void (users.answer = all));

  const results: [string, (ids: readonly string[]) => unknown][] = [
    ['nothing', () => undefined],
    ['null', () => null],
    ['one user', () => ALICE],
    ['a Set', (ids) => new Set(all(ids))],
    ['a Map', (ids) => new Map(all(ids).map((user) => [user.id, user]))],
    ['a text', () => CANARY],
    ['holes', () => [null]],
    ['a user twice', (ids) => [...all(ids), ...all(ids)]],
    ['a user nobody asked for', (ids) => [...all(ids), { id: CANARY, roles: ['admin'] }]],
    ['ids as numbers', (ids) => ids.map((_, index) => ({ id: index, roles: [] }))],
    ['users that are not awaited', (ids) => all(ids).map((user) => Promise.resolve(user))],
    ['roles as a text', (ids) => all(ids).map((user) => ({ ...user, roles: 'not-admin' }))],
  ];

  test.each(results)('that returns %s: the refresh fails, and the token is as good as before', async (_, answer) => {
    const { refreshToken } = await signIn(app);
    users.answer = answer;
    const call = () => expectRefused(app, () => refresh(app.url, refreshToken), FAULT);
    await expectReported(call, 'ManyUsers.loadUsers', /user|result/);
    users.answer = all;
    expect((await refresh(app.url, refreshToken)).status).toBe(200);
  });

  test('with one wrong user: the others are not concerned', async () => {
    const [alice, bob] = [await signIn(app), await signIn(app, { username: 'bob' })];
    users.answer = (ids) => all(ids).map((user) => (user.id === 'user-bob' ? { ...user, roles: 'admin' } : user));
    const answers: { status: number }[] = [];
    const call = async () => {
      answers.push(...(await Promise.all([alice, bob].map(({ refreshToken }) => refresh(app.url, refreshToken)))));
    };
    await expectReported(call, 'ManyUsers.loadUsers', /\broles\b/);
    expect(answers).toMatchObject([{ status: 200 }, { status: 500 }]);
  });
});
