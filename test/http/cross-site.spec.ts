import { describe, expect, test } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { bearer, cookieHeader, cookiesSet, login, refresh, send } from '../support/http.js';
import { claimsOf, listening, signIn } from '../support/listening.js';

type Headers = Record<string, string>;
const FORM = 'application/x-www-form-urlencoded';

/** What a browser adds to a request that a page has made it send. `own` becomes the server's origin. */
const refused: Headers[] = [
  { 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': 'same-site' },
  { 'sec-fetch-site': 'cross-site', origin: 'own' },
  { 'sec-fetch-site': 'cross-site', origin: 'null' },
  { 'sec-fetch-site': 'same-site', origin: 'https://sister.example' },
  { 'sec-fetch-site': 'nonsense' },
  { 'sec-fetch-site': 'cross-site, same-origin' },
  { origin: 'https://evil.example' },
  { origin: 'null' },
  { origin: 'nonsense' },
  { origin: 'https://app.example.evil.example' },
  { origin: 'https://evil-app.example' },
  { origin: 'http://app.example' },
  { origin: 'https://app.example:8443' },
  { origin: 'https://sub.app.example' },
  { origin: 'own/' },
  { origin: 'own#' },
  { origin: 'user@own' },
];

const accepted: Headers[] = [
  {},
  { 'sec-fetch-site': 'same-origin' },
  { 'sec-fetch-site': 'none' },
  { 'sec-fetch-site': 'same-origin', origin: 'own' },
  { origin: 'own' },
  // The proxy in front of the server may end TLS.
  { origin: 'own by TLS' },
  { origin: 'https://app.example' },
  { 'sec-fetch-site': 'cross-site', origin: 'https://app.example' },
  { 'sec-fetch-site': 'same-site', origin: 'https://app.example' },
];

for (const adapter of adapters) {
  describe(`a request that a page makes a browser send (${adapter})`, () => {
    const app = listening(adapter, { options: { cookie: { allowedOrigins: ['https://app.example'] } } });
    const from = ({ origin, ...rest }: Headers): Headers => {
      const byTls = app.url.replace('http:', 'https:');
      const own: Record<string, string> = {
        own: app.url,
        'own/': `${app.url}/`,
        'own#': `${app.url}#`,
        'user@own': app.url.replace('//', '//user@'),
        'own by TLS': byTls,
      };
      return origin === undefined ? rest : { ...rest, origin: own[origin] ?? origin };
    };
    const ALICE = { username: 'alice', password: 'alice-password' };

    test.each(refused)('from %o has no use of the cookie: 403, nothing consumed, nothing ended', async (page) => {
      const { refreshToken, accessToken, sessionId } = await signIn(app, { transport: 'cookie' });
      const headers = { ...from(page), ...cookieHeader(refreshToken) };
      for (const [path, more] of [
        ['refresh', {}],
        ['refresh', { 'content-type': 'text/plain' }],
        ['logout', {}],
        ['logout', bearer(accessToken)],
      ] as const) {
        const answer = await send('POST', `${app.url}/auth/${path}`, { headers: { ...headers, ...more } });
        expect(answer, path).toMatchObject({ status: 403, body: { error: 'forbidden' } });
        expect(cookiesSet(answer), path).toEqual([]);
      }
      expect(app.events.filter((event) => event.sessionId === sessionId).map(({ type }) => type)).toEqual([
        'signed_in',
      ]);
      expect((await refresh(app.url, undefined, cookieHeader(refreshToken))).status).toBe(200);
    });

    test.each(accepted)('from %o may use the cookie', async (page) => {
      const { refreshToken } = await signIn(app, { transport: 'cookie' });
      const headers = { ...from(page), ...cookieHeader(refreshToken) };
      expect((await refresh(app.url, undefined, headers)).status).toBe(200);
      expect((await send('POST', `${app.url}/auth/logout`, { headers })).status).toBe(204);
    });

    test.each(refused)('from %o cannot sign the browser in', async (page) => {
      for (const how of [{ transport: 'cookie' as const }, {}]) {
        const answer = await login(app.url, { ...ALICE, ...how }, from(page));
        expect(answer).toMatchObject({ status: 403, body: { error: 'forbidden' } });
        expect(cookiesSet(answer)).toEqual([]);
      }
      const text = new URLSearchParams(ALICE).toString();
      const form = await send('POST', `${app.url}/auth/login`, {
        headers: { ...from(page), 'content-type': FORM },
        text,
      });
      expect(form.status).toBe(403);
    });

    test.each(accepted)('from %o can sign the browser in', async (page) => {
      expect((await login(app.url, { ...ALICE, transport: 'cookie' }, from(page))).status).toBe(200);
    });

    test('from another site can sign in where no cookie is set', async () => {
      const page = { 'sec-fetch-site': 'cross-site', origin: 'https://spa.example' };
      const { refreshToken } = await signIn(app, { transport: 'body' }, page);
      expect((await refresh(app.url, refreshToken, page)).status).toBe(200);
      expect((await send('POST', `${app.url}/auth/logout`, { headers: page, body: {} })).status).not.toBe(500);
    });

    // A form on another site is a navigation: the browser holds back its Strict cookie, but keeps the cookies of the answer.
    test('from another site cannot plant a session by refreshing with a token of its own', async () => {
      const attacker = await signIn(app, { username: 'bob', transport: 'cookie' });
      const headers = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example', 'content-type': FORM };
      const body = { refresh_token: attacker.refreshToken, password: 'bob-password' };
      for (const path of ['refresh', 'step-up']) {
        const text = new URLSearchParams(body).toString();
        const answer = await send('POST', `${app.url}/auth/${path}`, { headers, text });
        expect(answer, path).toMatchObject({ status: 403, body: { error: 'forbidden' } });
        expect(cookiesSet(answer), path).toEqual([]);
      }

      const own = await refresh(app.url, undefined, cookieHeader(attacker.refreshToken));
      expect(claimsOf(own.body.access_token).gen, 'nothing has been consumed').toBe(1);
      expect(app.events.at(-1)).toMatchObject({ type: 'refreshed' });
    });

    test('from another site cannot clear the cookie by a logout that carries nothing', async () => {
      const headers = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example', 'content-type': FORM };
      const answer = await send('POST', `${app.url}/auth/logout`, { headers, text: 'a=b' });
      expect(cookiesSet(answer)).toEqual([]);
    });
  });
}

describe.each(adapters)('a server behind TLS (%s)', (adapter) => {
  const app = listening(adapter, { trustProxy: 'loopback' });
  const behindTls = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'app.example' };

  // A page that came without TLS may be of anybody in the network.
  test.each([
    ['https://app.example', 200],
    ['http://app.example', 403],
    ['https://app.example:8443', 403],
  ])('and a page of %s: %d', async (origin, status) => {
    const { refreshToken } = await signIn(app, { transport: 'cookie' });
    const headers = { ...behindTls, origin, ...cookieHeader(refreshToken) };
    expect((await refresh(app.url, undefined, headers)).status).toBe(status);
  });
});
