import { Logger } from '@nestjs/common';
import type { SetCookie } from 'cookie';
import type { CookieOptions } from 'nestjs-refresh-token';
import { AuthThrottlingModule } from 'nestjs-refresh-token/throttling';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { CookieConfig } from '../../src/auth/cookie/cookie-options.js';
import { type Adapter, adapters, createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { type Answer, cookiesSet, login, send } from '../support/http.js';
import { DAY, listening, SECOND } from '../support/listening.js';

const WEEK = (7 * DAY) / SECOND;
const MINUTES_15 = 15 * 60;

/** What one combination of options is to lead to. */
interface Expected {
  prefix: '__Host-' | '__Secure-' | '';
  /** Of all cookies. */
  attributes: Partial<SetCookie>;
  /** Of the access token's cookie, if it has one. */
  accessToken?: { name: string; path: string };
}

const SECURE = { secure: true, sameSite: 'strict' } as const;

const combinations: [string, Partial<CookieOptions>, Expected][] = [
  ['no options', {}, { prefix: '__Host-', attributes: SECURE }],
  ['sameSite: lax', { sameSite: 'lax' }, { prefix: '__Host-', attributes: { ...SECURE, sameSite: 'lax' } }],
  ['sameSite: none', { sameSite: 'none' }, { prefix: '__Host-', attributes: { ...SECURE, sameSite: 'none' } }],
  ['domain', { domain: 'example.com' }, { prefix: '__Secure-', attributes: { ...SECURE, domain: 'example.com' } }],
  ['secure: false', { secure: false }, { prefix: '', attributes: { sameSite: 'strict' } }],
  [
    'secure: false, a domain, lax, and the access token',
    { secure: false, domain: 'app.lan', sameSite: 'lax', accessToken: true },
    {
      prefix: '',
      attributes: { domain: 'app.lan', sameSite: 'lax' },
      accessToken: { name: 'access_token', path: '/' },
    },
  ],
  [
    'partitioned',
    { sameSite: 'none', partitioned: true },
    { prefix: '__Host-', attributes: { ...SECURE, sameSite: 'none', partitioned: true } },
  ],
  [
    'the access token',
    { accessToken: true },
    { prefix: '__Host-', attributes: SECURE, accessToken: { name: '__Host-access_token', path: '/' } },
  ],
  [
    'the access token below a path',
    { accessToken: { path: '/app' } },
    { prefix: '__Host-', attributes: SECURE, accessToken: { name: '__Secure-access_token', path: '/app' } },
  ],
  [
    'everything',
    {
      domain: 'example.co',
      sameSite: 'none',
      partitioned: true,
      accessToken: { name: '__Secure-at', path: '/app' },
    },
    {
      prefix: '__Secure-',
      attributes: { secure: true, sameSite: 'none', partitioned: true, domain: 'example.co' },
      accessToken: { name: '__Secure-at', path: '/app' },
    },
  ],
];

/** Keeps the cookies by their names alone, so that attributes that differ show up in the comparison. */
function jarOf(answer: Answer, jar = new Map<string, string>()): Map<string, string> {
  for (const { name, value } of cookiesSet(answer)) jar.set(name, value ?? '');
  return jar;
}

const headerOf = (jar: Map<string, string>) => ({ cookie: [...jar].map((pair) => pair.join('=')).join('; ') });

/** The attributes by the name of the cookie. */
function attributesOf(answer: Answer): Record<string, Partial<SetCookie>> {
  return Object.fromEntries(cookiesSet(answer).map(({ name, value: _, ...attributes }) => [name, attributes]));
}

function lasting(all: Record<string, Partial<SetCookie>>, maxAges: Record<string, number>) {
  const named = Object.entries(maxAges).map(([name, maxAge]) => [name, { ...all[name], maxAge }]);
  return Object.fromEntries(named) as Record<string, Partial<SetCookie>>;
}

describe.each(adapters)('the attributes of the cookies (%s)', (adapter: Adapter) => {
  describe.each(combinations)('with %s', (_, cookie, { prefix, attributes, accessToken }) => {
    const app = listening(adapter, {
      options: { cookie, binding: { allowed: ['nonce'] } },
      imports: [AuthThrottlingModule.forRoot({})],
      quiet: true,
    });
    const [refreshName, nonceName] = [`${prefix}refresh_token`, `${prefix}client_nonce`];
    const common = { httpOnly: true, path: '/', ...attributes };
    const all: Record<string, Partial<SetCookie>> = {
      [refreshName]: common,
      [nonceName]: common,
      [`${refreshName}_device`]: common,
      ...(accessToken && { [accessToken.name]: { ...common, path: accessToken.path } }),
    };
    const forAccess = (maxAge: number) => (accessToken ? { [accessToken.name]: maxAge } : {});
    const signIn = () =>
      login(app.url, { username: 'alice', password: 'alice-password', transport: 'cookie', bind: 'nonce' });

    test('are the same at every route that sets or clears one', async () => {
      const signedIn = await signIn();
      const set = { [refreshName]: WEEK, [nonceName]: WEEK, ...forAccess(MINUTES_15) };
      expect(attributesOf(signedIn)).toEqual(lasting(all, { ...set, [`${refreshName}_device`]: 400 * 86_400 }));

      const jar = jarOf(signedIn);
      for (const [route, body] of [
        ['refresh', {}],
        ['step-up', { password: 'alice-password' }],
      ] as const) {
        const answer = await send('POST', `${app.url}/auth/${route}`, { headers: headerOf(jar), body });
        expect(answer.status, route).toBe(200);
        expect(attributesOf(answer), route).toEqual(lasting(all, set));
        jarOf(answer, jar);
      }

      const out = await send('POST', `${app.url}/auth/logout`, { headers: headerOf(jar), body: {} });
      const cleared = lasting(all, { [refreshName]: 0, [nonceName]: 0, ...forAccess(0) });
      expect(out.status).toBe(204);
      expect(attributesOf(out), 'logout').toEqual(cleared);
      expect(cookiesSet(out).map(({ value }) => value)).toEqual(cookiesSet(out).map(() => ''));

      const dead = await send('POST', `${app.url}/auth/refresh`, { headers: headerOf(jar), body: {} });
      expect(dead.status).toBe(401);
      expect(attributesOf(dead), 'a dead session').toEqual(cleared);
    });
  });
});

describe('the names of the cookies', () => {
  test.each([
    [{ name: '__Host-sid', accessToken: true }, ['__Host-sid', '__Host-sid_client_nonce', '__Host-sid_access_token']],
    [
      { name: '__Host-sid', accessToken: { path: '/app' } },
      ['__Host-sid', '__Host-sid_client_nonce', '__Secure-sid_access_token'],
    ],
    [
      { name: '__Secure-sid', domain: 'example.com', accessToken: true },
      ['__Secure-sid', '__Secure-sid_client_nonce', '__Secure-sid_access_token'],
    ],
    [{ name: 'sid', secure: false, accessToken: true }, ['sid', 'sid_client_nonce', 'sid_access_token']],
    [
      { name: '__Secure-refresh_token', domain: 'example.com', accessToken: true },
      ['__Secure-refresh_token', '__Secure-client_nonce', '__Secure-access_token'],
    ],
  ] satisfies [Partial<CookieOptions>, string[]][])('follow the name that the host gave: %j', (cookie, names) => {
    const config = new CookieConfig(cookie);
    expect([config.name, config.clientNonceName, config.accessToken?.name]).toEqual(names);
  });
});

describe('cookies without Secure', () => {
  const boot = async (secure: boolean) => {
    const context = await createAuthContext(await databaseNamed('sqljs').create(), {
      options: { cookie: { secure }, requireTls: false },
    });
    await context.close();
  };

  test('are refused in production, with the fix', async () => {
    vi.stubEnv('NODE_ENV', 'production');
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(boot(false)).rejects.toThrow(/cookie\.secure: false is for development.*HTTPS/);
    await boot(true);
  });

  test('are warned of at boot, once', async () => {
    const warn = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    onTestFinished(() => warn.mockRestore());
    await boot(false);
    expect(warn.mock.calls.map(([message]) => String(message))).toEqual([
      expect.stringMatching(/^cookie\.secure is false: anybody in the network can read the tokens/),
    ]);
    await boot(true);
    expect(warn).toHaveBeenCalledTimes(1);
  });
});
