import { describe, expect, test } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { bearer, refresh, send } from '../support/http.js';
import { claimsOf, DAY, listening, MINUTE, SECOND, signIn } from '../support/listening.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const headerOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[0], 'base64url').toString()) as unknown;

for (const adapter of adapters) {
  describe(`an access token (${adapter})`, () => {
    const app = listening(adapter, {
      options: {
        accessToken: { issuer: 'https://auth.example', audience: 'https://api.example' },
        refreshToken: { scopes: ['read'] },
      },
    });
    const me = (accessToken: string) => send('GET', `${app.url}/auth/me`, { headers: bearer(accessToken) });

    test('has the type and the claims of RFC 9068, those of the session, and no other', async () => {
      const { accessToken, sessionId } = await signIn(app, { username: 'admin', client_id: 'web', scope: 'read' });
      expect(headerOf(accessToken)).toEqual({ alg: 'HS256', typ: 'at+jwt', kid: expect.any(String) });
      const now = app.clock.now() / SECOND;
      expect(claimsOf(accessToken)).toEqual({
        iss: 'https://auth.example',
        aud: 'https://api.example',
        sub: 'user-admin',
        client_id: 'web',
        iat: now,
        exp: now + 900,
        jti: expect.stringMatching(UUID),
        auth_time: now,
        amr: ['pwd'],
        sid: sessionId,
        gen: 0,
        scope: 'read',
        roles: ['user', 'admin'],
        permissions: ['users:write'],
      });
    });

    test('has a jti of its own, also when the refresh is repeated', async () => {
      const { accessToken, refreshToken } = await signIn(app);
      const tokens = [accessToken];
      for (let i = 0; i < 3; i++) tokens.push((await refresh(app.url, refreshToken)).body.access_token);
      expect(new Set(tokens.map((token) => claimsOf(token).jti)).size).toBe(4);
      expect(tokens.map((token) => claimsOf(token).gen)).toEqual([0, 1, 1, 1]);
    });

    test('shows the current user as it has them', async () => {
      const { accessToken, sessionId } = await signIn(app, { username: 'admin' });
      expect(await me(accessToken)).toMatchObject({
        status: 200,
        body: { id: 'user-admin', roles: ['user', 'admin'], permissions: ['users:write'], session_id: sessionId },
      });
      const plain = await signIn(app);
      expect((await me(plain.accessToken)).body).toEqual({
        id: 'user-alice',
        roles: ['user'],
        permissions: [],
        session_id: plain.sessionId,
      });
    });

    test('shows the roles as they are at the refresh', async () => {
      app.users.users.set('carol', { id: 'user-carol', roles: ['user', 'admin'], permissions: ['a'] });
      const before = await signIn(app, { username: 'carol' });
      app.users.users.set('carol', { id: 'user-carol', roles: ['user'], permissions: ['b'] });

      const after = (await refresh(app.url, before.refreshToken)).body;
      expect(claimsOf(after.access_token)).toMatchObject({ roles: ['user'], permissions: ['b'] });
      expect((await me(after.access_token)).body).toMatchObject({ roles: ['user'], permissions: ['b'] });
    });

    test('lives to the millisecond of its exp', async () => {
      const { accessToken } = await signIn(app);
      app.clock.advance(15 * MINUTE - 1);
      expect((await me(accessToken)).status).toBe(200);
      app.clock.advance(1);
      expect(await me(accessToken)).toMatchObject({ status: 401, body: { error: 'token_expired' } });
    });
  });

  describe(`near the end of a session (${adapter})`, () => {
    const app = listening(adapter, { options: { refreshToken: { ttl: '1d', idleTtl: '1d' } } });

    test('an access token ends with its session, and never after', async () => {
      const { refreshToken } = await signIn(app);
      const end = app.clock.now() + DAY;
      app.clock.advance(DAY - 90_500);
      const { body } = await refresh(app.url, refreshToken);
      expect(body.expires_in).toBe(91);
      expect(claimsOf(body.access_token).exp).toBe(end / SECOND);

      app.clock.advance(90_499);
      expect((await refresh(app.url, body.refresh_token)).body.expires_in).toBe(1);
      app.clock.advance(1);
      expect((await refresh(app.url, body.refresh_token)).status).toBe(401);
      const answer = await send('GET', `${app.url}/auth/me`, { headers: bearer(body.access_token) });
      expect(answer).toMatchObject({ status: 401, body: { error: 'token_expired' } });
    });
  });

  describe(`lifetimes of a session (${adapter})`, () => {
    const app = listening(adapter, { options: { refreshToken: { ttl: '8h', idleTtl: '2h' } } });
    const HOUR = 60 * MINUTE;

    test('no refresh extends the absolute one', async () => {
      let { refreshToken } = await signIn(app);
      for (let hours = 1; hours < 8; hours++) {
        app.clock.advance(HOUR);
        const answer = await refresh(app.url, refreshToken);
        expect(answer.status, `after ${hours} hours`).toBe(200);
        refreshToken = answer.body.refresh_token;
      }
      app.clock.advance(HOUR - 1);
      refreshToken = (await refresh(app.url, refreshToken)).body.refresh_token;
      app.clock.advance(1);
      expect((await refresh(app.url, refreshToken)).status).toBe(401);
    });

    test('a session unused for the idle one is dead', async () => {
      const first = await signIn(app);
      app.clock.advance(2 * HOUR - 1);
      const { refresh_token } = (await refresh(app.url, first.refreshToken)).body;
      app.clock.advance(2 * HOUR);
      expect((await refresh(app.url, refresh_token)).status).toBe(401);
    });
  });

  describe(`clock tolerance (${adapter})`, () => {
    const app = listening(adapter, { options: { accessToken: { clockTolerance: '5s' } } });

    test('is added to the exp', async () => {
      const { accessToken } = await signIn(app);
      app.clock.advance(15 * MINUTE + 5 * SECOND - 1);
      expect((await send('GET', `${app.url}/auth/me`, { headers: bearer(accessToken) })).status).toBe(200);
      app.clock.advance(1);
      expect((await send('GET', `${app.url}/auth/me`, { headers: bearer(accessToken) })).status).toBe(401);
    });
  });
}
