import { createServerAuthClient, type ServerAuthClientOptions } from 'nestjs-refresh-token/client';
import type { CookieOptions } from 'nestjs-refresh-token';
import { beforeEach, describe, expect, test } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { controllers } from '../support/clients.js';
import { refresh } from '../support/http.js';
import { listening, MINUTE } from '../support/listening.js';
import { Jar, renderingServer, signedInJar } from '../support/rendering-server.js';

/** Options of the auth server, those of the client, and the ledger's attributes. */
const pairs: [string, Partial<CookieOptions>, Partial<ServerAuthClientOptions>, string][] = [
  ['sameSite: lax', { sameSite: 'lax' }, { sameSite: 'lax' }, 'HttpOnly; Secure; SameSite=Lax'],
  [
    'partitioned cookies',
    { sameSite: 'none', partitioned: true },
    { sameSite: 'none', partitioned: true },
    'HttpOnly; Secure; SameSite=None; Partitioned',
  ],
  [
    'a domain',
    { domain: 'example.com' },
    { cookieName: '__Secure-refresh_token' },
    'HttpOnly; Secure; SameSite=Strict',
  ],
  ['plain HTTP', { secure: false }, { cookieName: 'refresh_token' }, 'HttpOnly; SameSite=Strict'],
];

describe.each(pairs)('a server that renders, with %s', (_, cookie, options, attributes) => {
  const app = listening('fastify', { options: { cookie, binding: { allowed: ['nonce'] } }, controllers, quiet: true });
  const server = renderingServer(() => app);

  test('hands on the cookies of the auth server, also that of a client nonce, and has its own like them', async () => {
    server.options = options;
    const jar = await signedInJar(app.url, 'alice', { bind: 'nonce' });
    const page = await server.load(jar);
    expect(page.text).toBe('user-alice');
    expect(server.given).toHaveLength(2);
    expect(page.setCookies.slice(0, 2)).toEqual(server.given);
    const [ledger] = page.setCookies.slice(2);
    expect(ledger.slice(ledger.indexOf('Path=/'))).toBe(`Path=/; ${attributes}`);
    expect((await server.load(jar)).text).toBe('user-alice');
    expect(server.refreshes).toBe(1);
  });
});

for (const adapter of adapters) {
  describe(`a server that renders, with the access token in a cookie (${adapter})`, () => {
    const app = listening(adapter, { options: { cookie: { accessToken: true } }, controllers });
    const server = renderingServer(() => app);
    beforeEach(() => {
      server.reset();
      server.options = { accessTokenCookieName: '__Host-access_token' };
    });

    test('uses it, and refreshes only when the browser has none', async () => {
      const jar = await signedInJar(app.url);
      expect((await server.load(jar)).text).toBe('user-alice');
      expect(server.asked).toEqual(['GET /auth/me']);

      jar.cookies.delete('__Host-access_token');
      const page = await server.load(jar);
      expect(page.text).toBe('user-alice');
      expect(server.refreshes).toBe(1);
      expect(page.setCookies.map((header) => header.split('=')[0])).toEqual([
        '__Host-refresh_token',
        '__Host-access_token',
        '__Host-refresh_token_ledger',
      ]);
    });

    test('uses the one that the page in the browser has refreshed', async () => {
      const jar = await signedInJar(app.url);
      app.clock.advance(16 * MINUTE);
      jar.take((await refresh(app.url, undefined, { cookie: jar.header })).headers.getSetCookie());
      expect((await server.load(jar)).text).toBe('user-alice');
      expect(server.refreshes).toBe(0);
    });

    test('refreshes once if it has expired or is wrong', async () => {
      const jar = await signedInJar(app.url);
      for (const spoil of [
        () => app.clock.advance(16 * MINUTE),
        () => jar.cookies.set('__Host-access_token', 'junk'),
      ]) {
        spoil();
        jar.cookies.delete('__Host-refresh_token_ledger');
        server.refreshes = 0;
        expect((await server.load(jar)).text).toBe('user-alice');
        expect(server.refreshes).toBe(1);
      }
    });

    test('does not use it without the session', async () => {
      const jar = await signedInJar(app.url);
      const alone = new Jar();
      alone.cookies.set('__Host-access_token', jar.cookies.get('__Host-access_token')!);
      expect((await server.load(alone)).text).toBe('nobody');
      expect(server.asked).toEqual([]);
    });

    test('does not use it for a page of another origin', async () => {
      const jar = await signedInJar(app.url);
      expect((await server.load(jar, { headers: { 'sec-fetch-site': 'cross-site' } })).text).toBe('forbidden');
    });

    test('has it removed when the session has ended', async () => {
      const jar = await signedInJar(app.url);
      await app.service.revokeAllOfUser('user-alice', 'ended_by_admin');
      expect((await server.load(jar)).text).toBe('nobody');
      expect(jar.cookies.size).toBe(0);
    });
  });
}

test.each<[string, object]>([
  ["sameSite must be 'strict', 'lax' or 'none'", { sameSite: 'Lax' }],
  ["sameSite: 'none' needs a cookieName", { sameSite: 'none', cookieName: 'refresh_token' }],
  ["partitioned needs sameSite: 'none'", { partitioned: true }],
])('%s, or the client is refused', (message, options) => {
  const make = () => createServerAuthClient({ baseUrl: 'http://localhost', cookies: '', ...options });
  expect(make).toThrow(expect.objectContaining({ code: 'invalid_configuration' }) as Error);
  expect(make).toThrow(message);
});
