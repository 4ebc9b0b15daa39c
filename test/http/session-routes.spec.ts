import { describe, expect, test } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { type AuthBody, bearer, refresh, send } from '../support/http.js';
import { comparable, DAY, listening, MINUTE, SECOND, signIn } from '../support/listening.js';

const FIVE_MINUTES = 5 * MINUTE;

interface Session {
  id: string;
  current: boolean;
  device_name: string | null;
}

for (const adapter of adapters) {
  describe(`the list of sessions (${adapter})`, () => {
    const app = listening(adapter);
    const list = async (accessToken: string) =>
      (await send<Session[]>('GET', `${app.url}/auth/sessions`, { headers: bearer(accessToken) })).body;

    test('shows two devices, one of them current, the last used first', async () => {
      const start = app.clock.now();
      const phone = await signIn(app, { client_id: 'mobile', device_name: 'phone' }, { 'user-agent': 'Phone/1' });
      app.clock.advance(FIVE_MINUTES);
      const laptop = await signIn(app, { client_id: 'web', transport: 'cookie' }, { 'user-agent': 'Laptop/1' });
      await signIn(app, { username: 'bob' });
      app.clock.advance(FIVE_MINUTES);
      await refresh(app.url, phone.refreshToken, { 'user-agent': 'Phone/2' });

      const at = (milliseconds: number) => new Date(start + milliseconds).toISOString();
      const ofLaptop = {
        id: laptop.sessionId,
        current: true,
        client_id: 'web',
        device_name: null,
        user_agent: 'Laptop/1',
        ip: '127.0.0.1',
        country: null,
        created_at: at(FIVE_MINUTES),
        last_used_at: at(FIVE_MINUTES),
        expires_at: at(FIVE_MINUTES + 30 * DAY),
      };
      const ofPhone = {
        id: phone.sessionId,
        current: false,
        client_id: 'mobile',
        device_name: 'phone',
        user_agent: 'Phone/2',
        ip: '127.0.0.1',
        country: null,
        created_at: at(0),
        last_used_at: at(2 * FIVE_MINUTES),
        expires_at: at(30 * DAY),
      };
      expect(await list(laptop.accessToken)).toEqual([ofPhone, ofLaptop]);
      expect((await list(phone.accessToken)).find(({ current }) => current)?.id).toBe(phone.sessionId);
    });

    test('does not tell the second of a refresh, nor by its order', async () => {
      const times = async (accessToken: string) => {
        const answer = await send<{ id: string; created_at: string; last_used_at: string }[]>(
          'GET',
          `${app.url}/auth/sessions`,
          { headers: bearer(accessToken) },
        );
        return answer.body.map((session) => [
          session.id,
          Date.parse(session.created_at),
          Date.parse(session.last_used_at),
        ]);
      };
      app.clock.advance(FIVE_MINUTES - (app.clock.now() % FIVE_MINUTES));
      const start = app.clock.now();
      app.clock.advance(MINUTE);
      const one = await signIn(app, { username: 'admin' });
      app.clock.advance(SECOND);
      const other = await signIn(app, { username: 'admin' });
      const began = [start + MINUTE, start + MINUTE + SECOND];

      // Never before the session began.
      app.clock.advance(SECOND);
      const { refresh_token } = (await refresh(app.url, one.refreshToken)).body;
      expect(await times(one.accessToken)).toEqual([
        [other.sessionId, began[1], began[1]],
        [one.sessionId, began[0], began[0]],
      ]);

      app.clock.advance(2 * FIVE_MINUTES);
      await refresh(app.url, other.refreshToken);
      app.clock.advance(SECOND + 7);
      const { access_token } = (await refresh(app.url, refresh_token)).body;
      const rounded = start + 2 * FIVE_MINUTES;
      expect(await times(access_token)).toEqual([
        [other.sessionId, began[1], rounded],
        [one.sessionId, began[0], rounded],
      ]);
      const listed = await app.service.list('user-admin');
      expect(listed.map(({ id, lastUsedAt }) => [id, lastUsedAt])).toEqual([
        [other.sessionId, rounded],
        [one.sessionId, rounded],
      ]);
    });

    test('holds nothing of a token, and nothing of what is stored of it', async () => {
      const { accessToken, refreshToken } = await signIn(app);
      const successor = (await refresh(app.url, refreshToken)).body.refresh_token;
      const rows = await app.dataSource.query<Record<string, unknown>[]>(
        'SELECT token_hash, seed, given, given_before FROM refresh_tokens',
      );
      const text = JSON.stringify(await list(accessToken));
      for (const secret of [...rows.flatMap((row) => Object.values(row)), refreshToken, successor, accessToken]) {
        if (secret !== null) expect(text).not.toContain(secret);
      }
      expect(text).not.toContain('nrt_');
    });

    test('leaves out those that have ended, expired, or been idle too long', async () => {
      const old = await signIn(app);
      const ended = await signIn(app);
      await app.service.revoke(ended.sessionId, 'logout');
      app.clock.advance(7 * DAY);
      const current = await signIn(app);
      const ids = (await list(current.accessToken)).map(({ id }) => id);
      expect(ids).toContain(current.sessionId);
      expect(ids).not.toContain(ended.sessionId);
      expect(ids).not.toContain(old.sessionId);
    });
  });

  describe(`ending one session (${adapter})`, () => {
    const app = listening(adapter);
    const end = (accessToken: string, id: string) =>
      send('DELETE', `${app.url}/auth/sessions/${id}`, { headers: bearer(accessToken) });

    test('of one’s own is 204, and its token is dead', async () => {
      const [current, other] = [await signIn(app), await signIn(app)];
      expect(await end(current.accessToken, other.sessionId)).toMatchObject({ status: 204, body: undefined });
      expect((await refresh(app.url, other.refreshToken)).status).toBe(401);
      expect((await refresh(app.url, current.refreshToken)).status).toBe(200);
      expect(app.events).toContainEqual(
        expect.objectContaining({ type: 'revoked', reason: 'ended_by_user', sessionId: other.sessionId }),
      );
    });

    test('may be the current one', async () => {
      const { accessToken, refreshToken, sessionId } = await signIn(app);
      expect((await end(accessToken, sessionId)).status).toBe(204);
      expect((await refresh(app.url, refreshToken)).status).toBe(401);
    });

    test('of somebody else’s looks as if there were none, and ends nothing', async () => {
      const { accessToken } = await signIn(app);
      const ofBob = await signIn(app, { username: 'bob' });
      const ended = await signIn(app);
      await app.service.revoke(ended.sessionId, 'logout');

      const none = await end(accessToken, '7f1f3bd9-6f8e-4f0a-9d8b-2d1f0e5b6a77');
      expect(none.status).toBe(404);
      expect(none.body).toEqual({ error: 'not_found', error_description: 'There is no such session.' });
      for (const id of [
        ofBob.sessionId,
        ended.sessionId,
        '00000000-0000-0000-0000-000000000000',
        'nonsense',
        '1',
        ofBob.sessionId.replaceAll('-', ''),
        `${ofBob.sessionId}'--`,
        '%00',
        '%F0%9F%98%80',
        'x'.repeat(90),
      ]) {
        expect(comparable(await end(accessToken, id)), id).toEqual(comparable(none));
      }
      expect((await refresh(app.url, ofBob.refreshToken)).status).toBe(200);
    });

    test('needs an access token', async () => {
      const { sessionId, refreshToken } = await signIn(app);
      expect((await send('DELETE', `${app.url}/auth/sessions/${sessionId}`)).status).toBe(401);
      expect((await end(refreshToken, sessionId)).status).toBe(401);
      expect((await refresh(app.url, refreshToken)).status).toBe(200);
    });
  });

  describe(`ending sessions where a recent authentication is asked for (${adapter})`, () => {
    const app = listening(adapter, { options: { refreshToken: { stepUpToEndSessions: '10m' } } });
    const end = (accessToken: string, id: string) =>
      send('DELETE', `${app.url}/auth/sessions/${id}`, { headers: bearer(accessToken) });
    const logoutAll = (accessToken: string, body?: object) =>
      send('POST', `${app.url}/auth/logout-all`, { headers: bearer(accessToken), body });

    test('is possible soon after the login, to the second', async () => {
      const [current, other, third] = [await signIn(app), await signIn(app), await signIn(app)];
      app.clock.advance(10 * MINUTE);
      expect((await end(current.accessToken, other.sessionId)).status).toBe(204);
      app.clock.advance(SECOND);
      expect((await end(current.accessToken, third.sessionId)).status).toBe(401);
      expect((await refresh(app.url, third.refreshToken)).status).toBe(200);
    });

    test('is possible again after a step-up, with its access token', async () => {
      const [current, other] = [await signIn(app), await signIn(app)];
      app.clock.advance(11 * MINUTE);
      const refused = await end(current.accessToken, other.sessionId);
      expect(refused).toMatchObject({ status: 401, body: { error: 'insufficient_user_authentication' } });
      expect(refused.headers.get('www-authenticate')).toBe(
        'Bearer error="insufficient_user_authentication", max_age="600"',
      );
      expect(refused.headers.get('cache-control')).toBe('no-store');

      const body = { password: 'alice-password', refresh_token: current.refreshToken };
      const steppedUp = (await send<AuthBody>('POST', `${app.url}/auth/step-up`, { body })).body;
      expect((await end(steppedUp.access_token, other.sessionId)).status).toBe(204);
      expect((await refresh(app.url, other.refreshToken)).status).toBe(401);
      expect((await logoutAll(steppedUp.access_token, { except_current: true })).status).toBe(204);
      expect((await logoutAll(steppedUp.access_token)).status).toBe(204);
      expect((await refresh(app.url, steppedUp.refresh_token)).status).toBe(401);
    });

    test('never keeps a user from signing out here', async () => {
      const [byAccessToken, byRefreshToken, byId] = [await signIn(app), await signIn(app), await signIn(app)];
      app.clock.advance(11 * MINUTE);
      const logout = `${app.url}/auth/logout`;
      expect((await send('POST', logout, { headers: bearer(byAccessToken.accessToken) })).status).toBe(204);
      expect((await send('POST', logout, { body: { refresh_token: byRefreshToken.refreshToken } })).status).toBe(204);
      expect((await end(byId.accessToken, byId.sessionId)).status).toBe(204);
      for (const { refreshToken } of [byAccessToken, byRefreshToken, byId]) {
        expect((await refresh(app.url, refreshToken)).status).toBe(401);
      }
    });

    test('lets users look at their sessions at any time', async () => {
      const { accessToken } = await signIn(app);
      app.clock.advance(11 * MINUTE);
      expect((await send('GET', `${app.url}/auth/sessions`, { headers: bearer(accessToken) })).status).toBe(200);
    });

    test('still says first that there is no token', async () => {
      const answer = await send('POST', `${app.url}/auth/logout-all`);
      expect(answer).toMatchObject({ status: 401, body: { error: 'unauthorized' } });
    });
  });
}
