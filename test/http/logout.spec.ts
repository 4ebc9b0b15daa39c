import { describe, expect, test } from 'vitest';
import { adapters, type AuthApp } from '../support/auth-app.js';
import { bearer, cookieHeader, cookiesSet, refresh, send } from '../support/http.js';
import { listening, SECOND, signIn, type SignedIn } from '../support/listening.js';
import { expectRefused } from '../support/refused.js';

/** With the attributes it was set with: browsers ignore any other. */
const CLEARED = {
  name: '__Host-refresh_token',
  value: '',
  path: '/',
  httpOnly: true,
  secure: true,
  sameSite: 'strict',
  maxAge: 0,
};

/** What each client has at hand to say which session it means. */
const ways = [
  {
    by: 'the refresh token in the body',
    request: ({ refreshToken }: SignedIn) => ({ body: { refresh_token: refreshToken } }),
  },
  {
    by: 'the refresh token in the cookie',
    request: ({ refreshToken }: SignedIn) => ({ headers: cookieHeader(refreshToken) }),
  },
  { by: 'the access token', request: ({ accessToken }: SignedIn) => ({ headers: bearer(accessToken) }) },
  {
    by: 'the refresh token as RFC 7009 sends it',
    request: ({ refreshToken }: SignedIn) => ({ body: { token: refreshToken, token_type_hint: 'refresh_token' } }),
  },
  {
    by: 'the access token as RFC 7009 sends it',
    request: ({ accessToken }: SignedIn) => ({ body: { token: accessToken } }),
  },
];

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const CLOCK_RUNS = 16 * 60 * SECOND;

/** Bodies that may mean a token, but name none that the route can read. */
const unreadable: [string, (session: SignedIn) => object][] = [
  ['an empty token', () => ({ token: '' })],
  ['an empty refresh token', () => ({ refresh_token: '' })],
  ['a hint alone', () => ({ token_type_hint: 'refresh_token' })],
  ['a refresh token in camel case', ({ refreshToken }) => ({ refreshToken })],
  ['an access token in a field of its own', ({ accessToken }) => ({ access_token: accessToken })],
  ['an access token in another field', ({ accessToken }) => ({ jwt: accessToken })],
  ['a refresh token in another field', ({ refreshToken }) => ({ value: refreshToken })],
  ['a token of null', () => ({ token: null })],
  ['a token in an array', ({ refreshToken }) => ({ token: [refreshToken] })],
  ['a token that is a number', () => ({ token: 7 })],
  ['a token in an object', ({ refreshToken }) => ({ token: { refresh_token: refreshToken } })],
  ['a token that is too long', () => ({ token: 'x'.repeat(16_385) })],
  ['a hint that is a number', ({ refreshToken }) => ({ token: refreshToken, token_type_hint: 1 })],
  ['a hint that is too long', ({ refreshToken }) => ({ token: refreshToken, token_type_hint: 'x'.repeat(256) })],
  ['the token in both fields', ({ refreshToken }) => ({ token: refreshToken, refresh_token: refreshToken })],
  ['two tokens', ({ refreshToken, accessToken }) => ({ token: accessToken, refresh_token: refreshToken })],
];

const isAlive = async ({ url }: AuthApp, refreshToken: string) => (await refresh(url, refreshToken)).status === 200;

for (const adapter of adapters) {
  describe(`logout (${adapter})`, () => {
    const app = listening(adapter);
    const logout = (request: Parameters<typeof send>[2]) => send('POST', `${app.url}/auth/logout`, request);

    test.each(ways)('by $by ends this session, clears the cookie, and can be repeated', async ({ request }) => {
      const session = await signIn(app, { transport: 'cookie' });
      const other = await signIn(app);
      for (const time of ['first', 'second']) {
        const answer = await logout(request(session));
        expect(answer, time).toMatchObject({ status: 204, body: undefined });
        expect(cookiesSet(answer), time).toEqual([CLEARED]);
      }
      expect(await isAlive(app, session.refreshToken)).toBe(false);
      const me = await send('GET', `${app.url}/auth/me`, { headers: bearer(session.accessToken) });
      expect(me).toMatchObject({ status: 401, body: { error: 'token_revoked' } });
      expect(me.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
      expect(await isAlive(app, other.refreshToken)).toBe(true);
      const ended = app.events.filter(({ type, sessionId }) => type === 'revoked' && sessionId === session.sessionId);
      expect(ended).toEqual([expect.objectContaining({ reason: 'logout' })]);
    });

    test('by a token that has been succeeded ends the session as well', async () => {
      const { refreshToken } = await signIn(app);
      const successor = (await refresh(app.url, refreshToken)).body.refresh_token;
      expect((await logout({ body: { refresh_token: refreshToken } })).status).toBe(204);
      expect(await isAlive(app, successor)).toBe(false);
    });

    test.each(ways)('by $by ends no other session than the one that is meant', async ({ request }) => {
      const session = await signIn(app, { transport: 'cookie' });
      const other = await signIn(app);
      const { headers, body } = request(session) as { headers?: Record<string, string>; body?: object };
      const meaning = (session_id: unknown) => logout({ headers, body: { ...body, session_id } });

      const kept = await meaning(other.sessionId);
      expect(kept).toMatchObject({ status: 204, body: undefined });
      expect(cookiesSet(kept)).toEqual([]);
      for (const { refreshToken } of [session, other]) expect(await isAlive(app, refreshToken)).toBe(true);

      const ended = await meaning(session.sessionId);
      expect(ended.status).toBe(204);
      expect(cookiesSet(ended)).toEqual([CLEARED]);
      expect(await isAlive(app, session.refreshToken)).toBe(false);
      expect(await isAlive(app, other.refreshToken)).toBe(true);
    });

    test('with an empty session_id ends the session of the token', async () => {
      const { refreshToken } = await signIn(app);
      expect((await logout({ body: { refresh_token: refreshToken, session_id: '' } })).status).toBe(204);
      expect(await isAlive(app, refreshToken)).toBe(false);
    });

    test.each([1, true, {}, ['a']])('with session_id: %j is refused, and ends nothing', async (sessionId) => {
      const { refreshToken } = await signIn(app);
      const answer = await logout({ body: { refresh_token: refreshToken, session_id: sessionId } });
      expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
      expect(await isAlive(app, refreshToken)).toBe(true);
    });

    test('without any token succeeds', async () => {
      expect((await logout({})).status).toBe(204);
      expect((await logout({ body: {} })).status).toBe(204);
      const others = { csrfToken: 'abc', fcm_token: 'def', access_tokens: 1, reason: 'timeout', nothing: null };
      expect((await logout({ body: others })).status).toBe(204);
    });

    test('by a forged token succeeds and ends nothing', async () => {
      const { refreshToken } = await signIn(app);
      expect((await logout({ body: { refresh_token: `${refreshToken.slice(0, -1)}!` } })).status).toBe(204);
      expect(await isAlive(app, refreshToken)).toBe(true);
    });

    test.each(unreadable)('with %s is refused, and ends nothing', async (_, bodyOf) => {
      const session = await signIn(app);
      const { refreshToken, accessToken } = session;
      const refusal = { status: 400, error: 'invalid_request' };
      await expectRefused(app, () => logout({ body: bodyOf(session) }), refusal, [refreshToken, accessToken]);
    });

    test('with a body that is neither JSON nor a form is refused', async () => {
      const { refreshToken } = await signIn(app);
      const headers = { 'content-type': 'text/plain' };
      expect((await logout({ text: `token=${refreshToken}`, headers })).status).toBe(400);
      expect(await isAlive(app, refreshToken)).toBe(true);
    });

    test('by a token in a form works, as OAuth clients send it', async () => {
      for (const pick of ['refreshToken', 'accessToken'] as const) {
        const session = await signIn(app);
        const text = new URLSearchParams({ token: session[pick], token_type_hint: 'any', client_id: 'web' }).toString();
        expect((await logout({ headers: FORM, text })).status).toBe(204);
        expect(await isAlive(app, session.refreshToken)).toBe(false);
      }
    });

    test('with the field token twice in a form is refused, and ends nothing', async () => {
      const { refreshToken } = await signIn(app);
      for (const name of ['token', 'token[]']) {
        const text = `${name}=${refreshToken}&${name}=${refreshToken}`;
        expect((await logout({ headers: FORM, text })).status).toBe(400);
      }
      expect(await isAlive(app, refreshToken)).toBe(true);
    });

    test('by a field token of another server succeeds and ends nothing (RFC 7009 §2.2)', async () => {
      const { refreshToken, accessToken } = await signIn(app);
      for (const token of ['foreign', 'a.b.c', `${refreshToken.slice(0, -1)}!`, `${accessToken.slice(0, -3)}AAA`]) {
        expect((await logout({ body: { token } })).status).toBe(204);
      }
      expect(await isAlive(app, refreshToken)).toBe(true);
    });

    test('by a token that has white space, or next to one that is foreign, is refused and ends nothing', async () => {
      const { refreshToken } = await signIn(app);
      const bodies = [
        { token: ` ${refreshToken}` },
        { token: `${refreshToken}\n` },
        { refresh_token: `${refreshToken} ` },
        { refresh_token: 'foreign', refreshToken },
        { token: 'foreign', other: refreshToken },
      ];
      for (const body of bodies) {
        expect(await logout({ body })).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
      }
      expect(await isAlive(app, refreshToken)).toBe(true);
    });

    test('by an access token that has expired is refused, for its session lives', async () => {
      const { refreshToken, accessToken } = await signIn(app);
      app.clock.advance(CLOCK_RUNS);
      for (const request of [{ body: { token: accessToken } }, { headers: bearer(accessToken) }]) {
        expect(await logout(request)).toMatchObject({ status: 401, body: { error: 'token_expired' } });
      }
      expect(await isAlive(app, refreshToken)).toBe(true);
    });

    test('by the field token ends that session, and not the one of the header Authorization', async () => {
      const [one, two] = [await signIn(app), await signIn(app)];
      const answer = await logout({ body: { token: one.refreshToken }, headers: bearer(two.accessToken) });
      expect(answer.status).toBe(204);
      expect(await isAlive(app, one.refreshToken)).toBe(false);
      expect(await isAlive(app, two.refreshToken)).toBe(true);
    });

    test('by the field token clears no cookie of another application on this host', async () => {
      const { refreshToken } = await signIn(app);
      const answer = await logout({ body: { token: refreshToken }, headers: cookieHeader(`nrt_${'A'.repeat(128)}`) });
      expect(answer.status).toBe(204);
      expect(cookiesSet(answer)).toEqual([]);
      expect(await isAlive(app, refreshToken)).toBe(false);
    });

    test('caused by a different site clears no cookie, and still needs a token to end a session', async () => {
      const { refreshToken } = await signIn(app, { transport: 'cookie' });
      const headers = { 'sec-fetch-site': 'cross-site' };
      const answer = await logout({ body: { token: 'foreign' }, headers });
      expect(answer.status).toBe(204);
      expect(cookiesSet(answer)).toEqual([]);
      const withCookie = { ...headers, ...cookieHeader(refreshToken) };
      expect((await logout({ body: { token: 'foreign' }, headers: withCookie })).status).toBe(403);
      expect(await isAlive(app, refreshToken)).toBe(true);
    });

    test('by an invalid access token is refused', async () => {
      const answer = await logout({ headers: bearer('a.b.c') });
      expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_token' } });
      expect(answer.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
    });

    test('with one token in the body and one in the cookie is refused, and ends neither', async () => {
      const [one, two] = [await signIn(app), await signIn(app)];
      const answer = await logout({
        body: { refresh_token: one.refreshToken },
        headers: cookieHeader(two.refreshToken),
      });
      expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
      const asToken = await logout({ body: { token: one.accessToken }, headers: cookieHeader(two.refreshToken) });
      expect(asToken).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
      expect(await isAlive(app, one.refreshToken)).toBe(true);
      expect(await isAlive(app, two.refreshToken)).toBe(true);
    });
  });

  describe(`logout-all (${adapter})`, () => {
    const app = listening(adapter);
    const logoutAll = (accessToken: string, body?: unknown) =>
      send('POST', `${app.url}/auth/logout-all`, { headers: bearer(accessToken), body });

    test('ends every session of the user, and of no other', async () => {
      const [current, other, ofBob] = [await signIn(app), await signIn(app), await signIn(app, { username: 'bob' })];
      const answer = await logoutAll(current.accessToken);
      expect(answer).toMatchObject({ status: 204, body: undefined });
      expect(cookiesSet(answer)).toEqual([CLEARED]);
      expect(await isAlive(app, current.refreshToken)).toBe(false);
      expect(await isAlive(app, other.refreshToken)).toBe(false);
      expect(await isAlive(app, ofBob.refreshToken)).toBe(true);
    });

    test('with except_current: true leaves this session, and its cookie', async () => {
      const [current, other] = [await signIn(app), await signIn(app)];
      const answer = await logoutAll(current.accessToken, { except_current: true });
      expect(answer.status).toBe(204);
      expect(cookiesSet(answer)).toEqual([]);
      expect(await isAlive(app, current.refreshToken)).toBe(true);
      expect(await isAlive(app, other.refreshToken)).toBe(false);
    });

    test.each([{ except_current: false }, { except_current: null }, {}])(
      'with %o ends this session too',
      async (body) => {
        const current = await signIn(app);
        expect((await logoutAll(current.accessToken, body)).status).toBe(204);
        expect(await isAlive(app, current.refreshToken)).toBe(false);
      },
    );

    test.each(['true', 1, [true], {}])('with except_current: %j is refused, and ends nothing', async (value) => {
      const current = await signIn(app);
      const answer = await logoutAll(current.accessToken, { except_current: value });
      expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
      expect(await isAlive(app, current.refreshToken)).toBe(true);
    });

    test('takes a body of null, or none at all, for an empty one', async () => {
      const [one, two] = [await signIn(app), await signIn(app, { username: 'bob' })];
      const url = `${app.url}/auth/logout-all`;
      expect((await send('POST', url, { headers: bearer(one.accessToken) })).status).toBe(204);
      const headers = { ...bearer(two.accessToken), 'content-type': 'application/json' };
      // Express refuses it before it comes to us.
      expect([204, 400]).toContain((await send('POST', url, { headers, text: 'null' })).status);
    });

    test('ends the access tokens too, so that the same one cannot do it twice', async () => {
      const { accessToken } = await signIn(app);
      expect((await logoutAll(accessToken)).status).toBe(204);
      expect(await logoutAll(accessToken)).toMatchObject({ status: 401, body: { error: 'token_revoked' } });
    });

    test('takes an access token and nothing else', async () => {
      const { refreshToken } = await signIn(app);
      const url = `${app.url}/auth/logout-all`;
      expect((await send('POST', url, { body: { refresh_token: refreshToken } })).status).toBe(401);
      expect((await send('POST', url, { headers: cookieHeader(refreshToken) })).status).toBe(401);
      expect((await send('POST', url, { headers: bearer(refreshToken) })).status).toBe(401);
      expect(await isAlive(app, refreshToken)).toBe(true);
    });
  });
}
