import { describe, expect, test } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { cookieHeader, cookiesSet, refresh, refreshCookie, send } from '../support/http.js';
import { claimsOf, listening, SECOND, signIn } from '../support/listening.js';

for (const adapter of adapters) {
  describe(`refresh (${adapter})`, () => {
    const app = listening(adapter, { options: { refreshToken: { scopes: ['read'] } } });

    test('with the token in the body brings both tokens in the body and no cookie', async () => {
      const before = await signIn(app, { scope: 'read' });
      const answer = await refresh(app.url, before.refreshToken);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
      expect(answer.body).toEqual({
        access_token: expect.any(String),
        token_type: 'Bearer',
        expires_in: 900,
        scope: 'read',
        session_id: before.sessionId,
        generation: 1,
        refresh_token: expect.stringMatching(/^nrt_[A-Za-z0-9_-]{128}$/),
      });
      expect(answer.body.refresh_token).not.toBe(before.refreshToken);
      expect(answer.body.access_token).not.toBe(before.accessToken);
      expect(claimsOf(answer.body.access_token)).toMatchObject({ sid: before.sessionId, gen: 1 });
      expect(cookiesSet(answer)).toEqual([]);
    });

    test('with the token in the cookie brings its successor in a cookie alone', async () => {
      const before = await signIn(app, { transport: 'cookie' });
      const answer = await refresh(app.url, undefined, cookieHeader(before.refreshToken));
      expect(answer.status).toBe(200);
      expect(answer.body).toEqual({
        access_token: expect.any(String),
        token_type: 'Bearer',
        expires_in: 900,
        scope: '',
        session_id: before.sessionId,
        generation: 1,
      });
      expect(refreshCookie(answer)).toMatch(/^nrt_/);
      expect(refreshCookie(answer)).not.toBe(before.refreshToken);
    });

    test('takes the token from a form, as OAuth clients send it', async () => {
      const { refreshToken } = await signIn(app);
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      const text = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken }).toString();
      expect((await send('POST', `${app.url}/auth/refresh`, { headers, text })).status).toBe(200);
    });

    test('goes on and on, one token after the other', async () => {
      let { refreshToken } = await signIn(app);
      const seen = new Set([refreshToken]);
      for (let generation = 1; generation <= 5; generation++) {
        app.clock.advance(60 * SECOND);
        const answer = await refresh(app.url, refreshToken);
        expect(claimsOf(answer.body.access_token).gen).toBe(generation);
        refreshToken = answer.body.refresh_token;
        seen.add(refreshToken);
      }
      expect(seen.size).toBe(6);
    });

    test('answers a retry within the window with the same successor', async () => {
      const { refreshToken } = await signIn(app);
      const first = await refresh(app.url, refreshToken);
      app.clock.advance(9 * SECOND);
      const second = await refresh(app.url, refreshToken);
      expect(second.status).toBe(200);
      expect(second.body.refresh_token).toBe(first.body.refresh_token);
      expect(second.body.access_token).not.toBe(first.body.access_token);
    });
  });

  describe(`the transport of a session (${adapter})`, () => {
    const app = listening(adapter);

    test('stays the cookie when its token is presented in the body, and in a retry', async () => {
      const { refreshToken } = await signIn(app, { transport: 'cookie' });
      for (const attempt of ['first', 'retry']) {
        const answer = await refresh(app.url, refreshToken);
        const successor = refreshCookie(answer);
        expect(successor, attempt).toMatch(/^nrt_/);
        expect(answer.body).not.toHaveProperty('refresh_token');
        expect(JSON.stringify(answer.body)).not.toContain('nrt_');
      }
    });

    test('stays the body when its token is presented in the cookie', async () => {
      const { refreshToken } = await signIn(app, { transport: 'body' });
      const answer = await refresh(app.url, undefined, cookieHeader(refreshToken));
      expect(answer.body.refresh_token).toMatch(/^nrt_/);
      expect(cookiesSet(answer)).toEqual([]);
    });

    test('cannot be asked for at the refresh', async () => {
      const { refreshToken } = await signIn(app, { transport: 'cookie' });
      const body = { refresh_token: refreshToken, transport: 'body' };
      const answer = await send('POST', `${app.url}/auth/refresh?transport=body`, { body });
      expect(answer.status).toBe(200);
      expect(answer.body).not.toHaveProperty('refresh_token');
    });

    test('cookie: no answer of any route has the token in its body', async () => {
      const { refreshToken, accessToken } = await signIn(app, { transport: 'cookie' });
      const headers = { ...cookieHeader(refreshToken), authorization: `Bearer ${accessToken}` };
      for (const [method, path] of [
        ['GET', 'me'],
        ['GET', 'sessions'],
        ['POST', 'logout-all'],
        ['POST', 'logout'],
        ['POST', 'refresh'],
      ]) {
        const answer = await send(method, `${app.url}/auth/${path}`, { headers });
        expect(JSON.stringify(answer.body) ?? '', path).not.toContain('nrt_');
      }
    });
  });

  describe(`where a refresh looks for the token (${adapter})`, () => {
    const app = listening(adapter);

    test('not in body and cookie at once: 400, and nothing is consumed', async () => {
      const { refreshToken } = await signIn(app);
      const other = await signIn(app, { transport: 'cookie' });
      for (const cookie of [refreshToken, other.refreshToken, 'junk']) {
        const answer = await refresh(app.url, refreshToken, cookieHeader(cookie));
        expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
      }
      expect(claimsOf((await refresh(app.url, refreshToken)).body.access_token).gen).toBe(1);
      const cookie = cookieHeader(other.refreshToken);
      expect(claimsOf((await refresh(app.url, undefined, cookie)).body.access_token).gen).toBe(1);
    });

    test('not in the URL, and not in a header', async () => {
      const { refreshToken } = await signIn(app);
      const url = `${app.url}/auth/refresh?refresh_token=${refreshToken}`;
      const headers = { authorization: `Bearer ${refreshToken}`, 'x-refresh-token': refreshToken };
      for (const request of [{}, { body: {} }, { headers }]) {
        const answer = await send('POST', url, request);
        expect(answer).toMatchObject({ status: 400, body: { error: 'refresh_token_missing' } });
      }
    });

    test('by POST only', async () => {
      const { refreshToken } = await signIn(app);
      for (const method of ['GET', 'PUT', 'PATCH', 'DELETE']) {
        const body = method === 'GET' ? undefined : { refresh_token: refreshToken };
        const answer = await send(method, `${app.url}/auth/refresh?refresh_token=${refreshToken}`, { body });
        expect([404, 405], method).toContain(answer.status);
      }
      const answer = await refresh(app.url, refreshToken);
      expect(claimsOf(answer.body.access_token).gen).toBe(1);
    });
  });
}
