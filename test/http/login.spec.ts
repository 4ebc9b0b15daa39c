import { describe, expect, test } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { bearer, cookieHeader, cookiesSet, login, refresh, refreshCookie, send } from '../support/http.js';
import { claimsOf, comparable, listening, signIn } from '../support/listening.js';

const ALICE = { username: 'alice', password: 'alice-password' };
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const REFRESH_TOKEN = /^nrt_[A-Za-z0-9_-]{128}$/;

for (const adapter of adapters) {
  describe(`login (${adapter})`, () => {
    const app = listening(adapter, { options: { refreshToken: { scopes: ['read', 'write'] } } });

    test('with transport: body brings both tokens in the body and no cookie', async () => {
      const answer = await login(app.url, { ...ALICE, transport: 'body' });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
      expect(answer.body).toEqual({
        access_token: expect.stringMatching(JWT),
        token_type: 'Bearer',
        expires_in: 900,
        scope: '',
        session_id: expect.stringMatching(UUID),
        generation: 0,
        refresh_token: expect.stringMatching(REFRESH_TOKEN),
      });
      expect(cookiesSet(answer)).toEqual([]);
    });

    test.each([{ transport: 'cookie' as const }, {}])(
      'with %o brings the refresh token in a cookie alone',
      async (how) => {
        const answer = await login(app.url, { ...ALICE, ...how });
        expect(answer.body).toEqual({
          access_token: expect.stringMatching(JWT),
          token_type: 'Bearer',
          expires_in: 900,
          scope: '',
          session_id: expect.stringMatching(UUID),
          generation: 0,
        });
        expect(refreshCookie(answer)).toMatch(REFRESH_TOKEN);
      },
    );

    test('makes tokens and sessions that have nothing in common', async () => {
      const [first, second] = [await signIn(app), await signIn(app)];
      expect(second.sessionId).not.toBe(first.sessionId);
      expect(second.accessToken).not.toBe(first.accessToken);
      // 32 bytes of secret and the tag stand at the end.
      expect(second.refreshToken.slice(-64)).not.toBe(first.refreshToken.slice(-64));
    });

    test('keeps client_id, device_name and scope with the session', async () => {
      const chosen = { client_id: 'mobile-app', device_name: 'Alices Läptop 📱', scope: 'read write' };
      const { answer, accessToken, refreshToken, sessionId } = await signIn(app, chosen);
      expect(answer.body.scope).toBe('read write');
      expect(claimsOf(accessToken)).toMatchObject({ client_id: 'mobile-app', scope: 'read write' });

      const refreshed = await refresh(app.url, refreshToken);
      expect(refreshed.body.scope).toBe('read write');
      expect(claimsOf(refreshed.body.access_token)).toMatchObject({ client_id: 'mobile-app', scope: 'read write' });

      const list = await send<{ id: string }[]>('GET', `${app.url}/auth/sessions`, { headers: bearer(accessToken) });
      expect(list.body.find(({ id }) => id === sessionId)).toMatchObject({
        client_id: 'mobile-app',
        device_name: 'Alices Läptop 📱',
      });
    });

    test('takes null for an optional field as absent', async () => {
      const body = { ...ALICE, client_id: null, device_name: null, scope: null, transport: null };
      const answer = await send('POST', `${app.url}/auth/login`, { body });
      expect(answer.status).toBe(200);
      expect(answer.body).toMatchObject({ scope: '' });
    });

    test('ignores fields it does not know', async () => {
      const body = { ...ALICE, transport: 'body', id: 'user-bob', roles: ['admin'], user_id: 'x', expires_in: 1e9 };
      const answer = await send<{ access_token: string }>('POST', `${app.url}/auth/login`, { body });
      expect(answer).toMatchObject({ status: 200, body: { expires_in: 900 } });
      expect(claimsOf(answer.body.access_token)).toMatchObject({ sub: 'user-alice', roles: ['user'] });
    });

    test('answers an unknown user and a wrong password alike, and sets no cookie', async () => {
      const unknown = await login(app.url, { username: 'nobody', password: 'alice-password' });
      const wrong = await login(app.url, { ...ALICE, password: 'bob-password' });
      expect(unknown.status).toBe(401);
      expect(unknown.body).toEqual({ error: 'invalid_credentials', error_description: expect.any(String) });
      expect(cookiesSet(unknown)).toEqual([]);
      expect(comparable(wrong)).toEqual(comparable(unknown));
    });
  });

  describe(`login in a browser that has a session (${adapter})`, () => {
    const app = listening(adapter);

    test('ends that session, and no other', async () => {
      const elsewhere = await signIn(app, { transport: 'cookie' });
      const before = await signIn(app, { transport: 'cookie' });
      const after = await signIn(app, { transport: 'cookie' }, cookieHeader(before.refreshToken));

      expect((await refresh(app.url, undefined, cookieHeader(before.refreshToken))).status).toBe(401);
      expect((await refresh(app.url, undefined, cookieHeader(after.refreshToken))).status).toBe(200);
      expect((await refresh(app.url, undefined, cookieHeader(elsewhere.refreshToken))).status).toBe(200);
      expect(app.events).toContainEqual(
        expect.objectContaining({ type: 'revoked', reason: 'replaced', sessionId: before.sessionId }),
      );
    });

    test('adopts nothing of a planted token', async () => {
      const attacker = await signIn(app, { username: 'bob', transport: 'cookie' });
      const victim = await signIn(app, { transport: 'cookie' }, cookieHeader(attacker.refreshToken));
      expect(victim.sessionId).not.toBe(attacker.sessionId);
      expect(victim.refreshToken.slice(-64)).not.toBe(attacker.refreshToken.slice(-64));
      expect(claimsOf(victim.accessToken).sub).toBe('user-alice');
    });

    test('leaves it alone where the password was wrong', async () => {
      const { refreshToken } = await signIn(app, { transport: 'cookie' });
      const failed = await login(app.url, { ...ALICE, password: 'wrong' }, cookieHeader(refreshToken));
      expect(failed.status).toBe(401);
      expect((await refresh(app.url, undefined, cookieHeader(refreshToken))).status).toBe(200);
    });
  });

  describe(`login with defaults of the host (${adapter})`, () => {
    const refreshToken = { defaultTransport: 'body', defaultClientId: 'web', scopes: ['read', 'write'] } as const;
    const app = listening(adapter, {
      options: { refreshToken: { ...refreshToken, scopes: [...refreshToken.scopes] } },
    });

    test('uses the default transport and client', async () => {
      const answer = await login(app.url, ALICE);
      expect(answer.body.refresh_token).toMatch(REFRESH_TOKEN);
      expect(claimsOf(answer.body.access_token).client_id).toBe('web');
    });

    test('grants known scopes once each, and refuses all others', async () => {
      expect((await login(app.url, { ...ALICE, scope: 'write read write' })).body.scope).toBe('write read');
      const refused = await login(app.url, { ...ALICE, scope: 'read admin' });
      expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_scope' } });
      expect((await login(app.url, { ...ALICE, scope: 'rea' })).status).toBe(400);
    });
  });
}
