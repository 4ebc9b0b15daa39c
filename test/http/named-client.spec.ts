import { describe, expect, test, vi } from 'vitest';
import { AuthError } from 'nestjs-refresh-token';
import { adapters } from '../support/auth-app.js';
import { type AuthBody, cookieHeader, cookiesSet, refresh, send } from '../support/http.js';
import { DAY, listening, SECOND, signIn } from '../support/listening.js';
import { expectRefused, rowsOf } from '../support/refused.js';

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const REFUSED = { status: 401, error: 'invalid_grant' };
const GRACE = 10 * SECOND;

for (const adapter of adapters) {
  describe(`a refresh that names its client (${adapter})`, () => {
    const app = listening(adapter);
    const post = (path: string, body: object, headers?: Record<string, string>) =>
      send<AuthBody>('POST', `${app.url}/auth/${path}`, { body, headers });
    const refreshAs = (client_id: unknown, refresh_token: string) => post('refresh', { refresh_token, client_id });
    const denials = (sessionId: string) =>
      app.events.filter((event) => event.type === 'refresh_denied' && event.sessionId === sessionId);
    const isAlive = async (token: string) => (await refresh(app.url, token)).status === 200;

    test.each(['web', '', null, undefined])(
      'is answered if it names %j, and the session has the client web',
      async (name) => {
        const { refreshToken } = await signIn(app, { client_id: 'web' });
        expect((await refreshAs(name, refreshToken)).status).toBe(200);
      },
    );

    test.each([
      ['web', 200],
      ['', 200],
      ['ios', 401],
    ])('is answered in a form, too: client_id=%s gets %d', async (client_id, status) => {
      const { refreshToken: refresh_token } = await signIn(app, { client_id: 'web' });
      const text = new URLSearchParams({ grant_type: 'refresh_token', refresh_token, client_id }).toString();
      expect((await send('POST', `${app.url}/auth/refresh`, { headers: FORM, text })).status).toBe(status);
    });

    test('may name the default client if the login named none', async () => {
      const { refreshToken } = await signIn(app);
      expect((await refreshAs('default', refreshToken)).status).toBe(200);
      expect((await refreshAs('web', (await signIn(app)).refreshToken)).status).toBe(401);
    });

    test.each(['ios', 'WEB', ' web', 'web2', '🙂'])(
      'is refused if it names %j, uses nothing up, and raises an alert',
      async (name) => {
        const { refreshToken, sessionId } = await signIn(app, { client_id: 'web' });
        await expectRefused(app, () => refreshAs(name, refreshToken), REFUSED, [refreshToken, name]);
        const { clientId, generation, reason, alert, userId } = denials(sessionId)[0];
        expect({ clientId, generation, reason, alert, userId }).toEqual({
          clientId: 'web',
          generation: 0,
          reason: 'client_mismatch',
          alert: true,
          userId: 'user-alice',
        });
        expect((await refreshAs('web', refreshToken)).body.generation).toBe(1);
      },
    );

    test('is refused with the cookie, too, and the cookie stays', async () => {
      const { refreshToken } = await signIn(app, { client_id: 'web', transport: 'cookie' });
      const answer = await post('refresh', { client_id: 'ios' }, cookieHeader(refreshToken));
      expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_grant' } });
      expect(cookiesSet(answer)).toEqual([]);
    });

    test('is refused at a step-up as well, before the password is checked', async () => {
      const { refreshToken: refresh_token } = await signIn(app, { client_id: 'web' });
      const check = vi.spyOn(app.users, 'reauthenticate');
      const stepUp = (client_id: string) => post('step-up', { refresh_token, client_id, password: 'alice-password' });
      await expectRefused(app, () => stepUp('ios'), REFUSED);
      expect(check).not.toHaveBeenCalled();
      expect((await stepUp('web')).status).toBe(200);
      check.mockRestore();
    });

    test('gets no repeat within the window either, and ends no session', async () => {
      const { refreshToken: first, sessionId } = await signIn(app, { client_id: 'web' });
      const second = (await refresh(app.url, first)).body.refresh_token;
      await expectRefused(app, () => refreshAs('ios', first), REFUSED);
      expect(denials(sessionId)).toHaveLength(1);
      expect((await refreshAs('web', first)).body.refresh_token).toBe(second);
    });

    test('hides no theft: an old token ends its session, whatever client is named', async () => {
      const { refreshToken: first, sessionId } = await signIn(app, { client_id: 'web' });
      const second = (await refresh(app.url, first)).body.refresh_token;
      app.clock.advance(GRACE);
      expect((await refreshAs('ios', first)).status).toBe(401);
      expect(
        app.events.find((event) => event.sessionId === sessionId && event.type === 'reuse_detected'),
      ).toBeDefined();
      expect(await isAlive(second)).toBe(false);
    });

    test('hides no theft that a claim shows', async () => {
      const { refreshToken: refresh_token } = await signIn(app, { client_id: 'web', idempotency_key: 'k'.repeat(16) });
      const received_with = { generation: 0, keys: ['the-key-of-the-owner'] };
      expect((await post('refresh', { refresh_token, client_id: 'ios', received_with })).status).toBe(401);
      expect(app.events.at(-1)).toMatchObject({ type: 'token_shared', alert: true });
    });

    test('of a session that has ended is told apart from it', async () => {
      const { refreshToken, sessionId } = await signIn(app, { client_id: 'web' });
      await app.service.revoke(sessionId, 'ended_by_admin');
      expect((await refreshAs('ios', refreshToken)).status).toBe(401);
      expect(denials(sessionId)).toMatchObject([{ reason: 'revoked' }]);
      expect(denials(sessionId)[0].alert).toBeUndefined();
      const idle = await signIn(app, { client_id: 'web' });
      app.clock.advance(8 * DAY);
      expect((await refreshAs('ios', idle.refreshToken)).status).toBe(401);
      expect(denials(idle.sessionId)).toMatchObject([{ reason: 'idle' }]);
    });

    test('is the same without HTTP, and the error says that the session lives', async () => {
      const { refreshToken, sessionId } = await app.service.issue(
        { id: 'user-alice', roles: ['user'] },
        { clientId: 'web', transport: 'body' },
      );
      const error = await app.service.refresh(refreshToken, {}, {}, { clientId: 'ios' }).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(AuthError);
      expect(error).toMatchObject({ code: 'invalid_grant', sessionLives: true });
      expect(denials(sessionId)).toMatchObject([{ reason: 'client_mismatch', alert: true }]);
      expect((await app.service.refresh(refreshToken, {}, {}, { clientId: 'web' })).generation).toBe(1);
      expect((await rowsOf(app)).find(({ id }) => id === sessionId)?.clientId).toBe('web');
    });
  });
}
