import type { AuthUser } from 'nestjs-refresh-token';
import { beforeEach, describe, expect, test } from 'vitest';
import { adapters, HostUsers } from '../support/auth-app.js';
import { cookieHeader, login, refresh, refreshCookie } from '../support/http.js';
import { listening, signIn } from '../support/listening.js';
import { CANARY, expectRefusal, expectRefused } from '../support/refused.js';

const NO_GOOD = { status: 401, error: 'invalid_grant' };
const OUTAGE = { status: 503, error: 'temporarily_unavailable' };

/** How the host's code can fail. */
const failures: [string, () => Promise<AuthUser | null>][] = [
  ['rejects', () => Promise.reject(new Error(CANARY))],
  ['rejects with nothing', () => Promise.reject(undefined)],
  ['rejects with a text', () => Promise.reject(CANARY)],
  [
    'rejects with a 404 of its own',
    () => Promise.reject(Object.assign(new Error(CANARY), { status: 404, statusCode: 404 })),
  ],
  [
    'throws before it is asynchronous',
    () => {
      throw new Error(CANARY);
    },
  ],
  ['hangs', () => new Promise(() => undefined)],
  ['settles too late', () => new Promise((_, reject) => setTimeout(() => reject(new Error(CANARY)), 80))],
];

for (const adapter of adapters) {
  describe(`users who may not (${adapter})`, () => {
    const app = listening(adapter);
    const carol = { id: 'user-carol', roles: ['user'] };
    beforeEach(() => void app.users.users.set('carol', carol));

    test('a disabled user cannot sign in', async () => {
      app.users.users.delete('carol');
      const call = () => login(app.url, { username: 'carol', password: 'carol-password' });
      await expectRefused(app, call, { status: 401, error: 'invalid_credentials' });
    });

    test('a user deleted between two refreshes loses the session, and the cookie', async () => {
      const { refreshToken, sessionId } = await signIn(app, { username: 'carol', transport: 'cookie' });
      const next = refreshCookie(await refresh(app.url, undefined, cookieHeader(refreshToken)))!;
      app.users.users.delete('carol');

      const answer = await refresh(app.url, undefined, cookieHeader(next));
      expectRefusal(answer, NO_GOOD, [next, 'carol']);
      expect(refreshCookie(answer)).toBe('');
      expect(app.events).toContainEqual(
        expect.objectContaining({ type: 'revoked', reason: 'user_unavailable', sessionId }),
      );
    });

    test('a user who is disabled and enabled again has to sign in again', async () => {
      const { refreshToken } = await signIn(app, { username: 'carol' });
      app.users.users.delete('carol');
      expectRefusal(await refresh(app.url, refreshToken), NO_GOOD);
      app.users.users.set('carol', carol);
      await expectRefused(app, () => refresh(app.url, refreshToken), NO_GOOD);
      await signIn(app, { username: 'carol' });
    });

    test('a user deleted before the retry of a lost answer gets nothing', async () => {
      const { refreshToken } = await signIn(app, { username: 'carol' });
      const { refresh_token } = (await refresh(app.url, refreshToken)).body;
      app.users.users.delete('carol');
      expectRefusal(await refresh(app.url, refreshToken), NO_GOOD, [refresh_token]);
      expectRefusal(await refresh(app.url, refresh_token), NO_GOOD);
    });

    test('other users are not concerned', async () => {
      const { refreshToken } = await signIn(app);
      app.users.users.delete('carol');
      expect((await refresh(app.url, refreshToken)).status).toBe(200);
    });
  });

  describe(`a user provider that fails (${adapter})`, () => {
    const app = listening(adapter, { options: { userProviderTimeout: '50ms' }, quiet: true });
    const original = new HostUsers();
    beforeEach(() => {
      app.users.loadUser = original.loadUser;
      app.users.validateCredentials = original.validateCredentials;
    });

    test.each(failures)('because it %s: 503 at the refresh, and the token is as good as before', async (_, fail) => {
      const { refreshToken } = await signIn(app);
      app.users.loadUser = fail;
      await expectRefused(app, () => refresh(app.url, refreshToken), OUTAGE, [refreshToken]);
      await expectRefused(app, () => refresh(app.url, undefined, cookieHeader(refreshToken)), OUTAGE, [refreshToken]);

      app.users.loadUser = original.loadUser;
      expect((await refresh(app.url, refreshToken)).status).toBe(200);
    });

    test.each(failures)('because it %s: 503 at the retry of a refresh, and the successor stands', async (_, fail) => {
      const { refreshToken } = await signIn(app);
      const successor = (await refresh(app.url, refreshToken)).body.refresh_token;
      app.users.loadUser = fail;
      await expectRefused(app, () => refresh(app.url, refreshToken), OUTAGE, [refreshToken, successor]);

      app.users.loadUser = original.loadUser;
      expect((await refresh(app.url, refreshToken)).body.refresh_token).toBe(successor);
    });

    test.each(failures)('because it %s: 503 at the login, and no session begins', async (_, fail) => {
      app.users.validateCredentials = fail;
      const call = () => login(app.url, { username: 'alice', password: `${CANARY}-password` });
      await expectRefused(app, call, OUTAGE);
    });
  });
}
