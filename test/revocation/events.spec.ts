import type { AuthUser } from 'nestjs-refresh-token';
import { beforeAll, expect, it } from 'vitest';
import type { AuthApp, AuthContext } from '../support/auth-app.js';
import { bearer, cookieHeader, login, refresh, refreshCookie, send } from '../support/http.js';
import { caughtUp, newUser, onServers, reasonOf, verdict } from '../support/instances.js';

interface Session {
  sessionId: string;
  accessToken: string;
  refreshToken: string;
}

/** Before each event, a user has two sessions. */
interface Scene {
  here: AuthApp;
  user: AuthUser;
  one: Session;
  other: Session;
}

interface RevokingEvent {
  event: string;
  reason: string;
  ends: ('one' | 'other')[];
  happen(scene: Scene): Promise<unknown>;
}

const revoking: RevokingEvent[] = [
  {
    event: 'a logout by the refresh token',
    reason: 'logout',
    ends: ['one'],
    happen: ({ here, one }) => send('POST', `${here.url}/auth/logout`, { body: { refresh_token: one.refreshToken } }),
  },
  {
    event: 'a logout by the access token',
    reason: 'logout',
    ends: ['one'],
    happen: ({ here, one }) => send('POST', `${here.url}/auth/logout`, { headers: bearer(one.accessToken) }),
  },
  {
    event: 'a logout everywhere',
    reason: 'logout_all',
    ends: ['one', 'other'],
    happen: ({ here, one }) => send('POST', `${here.url}/auth/logout-all`, { headers: bearer(one.accessToken) }),
  },
  {
    event: 'a logout everywhere else',
    reason: 'logout_all',
    ends: ['other'],
    happen: ({ here, one }) =>
      send('POST', `${here.url}/auth/logout-all`, {
        headers: bearer(one.accessToken),
        body: { except_current: true },
      }),
  },
  {
    event: 'the end of one session from another',
    reason: 'ended_by_user',
    ends: ['one'],
    happen: ({ here, one, other }) =>
      send('DELETE', `${here.url}/auth/sessions/${one.sessionId}`, { headers: bearer(other.accessToken) }),
  },
  {
    event: 'the end of all sessions by an administrator',
    reason: 'ended_by_admin',
    ends: ['one', 'other'],
    happen: ({ here, user }) => here.service.revokeAllOfUser(user.id, 'ended_by_admin'),
  },
  {
    event: 'a change of the password',
    reason: 'password_changed',
    ends: ['other'],
    happen: ({ here, user, one }) =>
      here.service.revokeAllOfUser(user.id, 'password_changed', { exceptSessionId: one.sessionId }),
  },
  {
    event: 'a refresh by a user who is disabled or deleted',
    reason: 'user_unavailable',
    ends: ['one'],
    happen: async ({ here, user, one }) => {
      here.users.users.delete(user.id);
      await refresh(here.url, one.refreshToken);
    },
  },
  {
    event: 'the reuse of a refresh token',
    reason: 'reuse_detected',
    ends: ['one'],
    happen: async ({ here, one }) => {
      await refresh(here.url, one.refreshToken);
      // Within the window, but no client changes from one browser to another.
      await refresh(here.url, one.refreshToken, { 'user-agent': 'curl/8.15.0' });
    },
  },
  {
    event: 'a new login in the same browser',
    reason: 'replaced',
    ends: ['one'],
    happen: ({ here, user, one }) => login(here.url, credentials(user), cookieHeader(one.refreshToken)),
  },
];

const credentials = ({ id }: AuthUser) => ({ username: id, password: `${id}-password` });

onServers('what ends a session', (instances) => {
  let here: AuthApp;
  let elsewhere: AuthContext;
  beforeAll(async () => {
    here = await instances.listen();
    elsewhere = await instances.start();
  });

  async function signIn(user: AuthUser, transport: 'cookie' | 'body'): Promise<Session> {
    const answer = await login(here.url, { ...credentials(user), transport });
    const { session_id: sessionId, access_token: accessToken, refresh_token } = answer.body;
    return { sessionId, accessToken, refreshToken: refresh_token ?? refreshCookie(answer) };
  }

  it.for(revoking)('$event, with the reason $reason', async ({ reason, ends, happen }) => {
    const user = newUser([here, elsewhere]);
    const stranger = await signIn(newUser([here, elsewhere]), 'body');
    const one = await signIn(user, reason === 'replaced' ? 'cookie' : 'body');
    const other = await signIn(user, 'body');

    await happen({ here, user, one, other });

    const expected = (name: 'one' | 'other') => (ends.includes(name) ? 'token_revoked' : 'accepted');
    expect(verdict(here, one.accessToken)).toBe(expected('one'));
    expect(verdict(here, other.accessToken)).toBe(expected('other'));
    expect(verdict(here, stranger.accessToken)).toBe('accepted');

    await caughtUp(elsewhere);
    expect(verdict(elsewhere, one.accessToken)).toBe(expected('one'));
    expect(verdict(elsewhere, other.accessToken)).toBe(expected('other'));
    expect(verdict(elsewhere, stranger.accessToken)).toBe('accepted');

    expect(await reasonOf(here, one.sessionId)).toBe(ends.includes('one') ? reason : null);
    expect(await reasonOf(here, other.sessionId)).toBe(ends.includes('other') ? reason : null);
  });

  it('is told on the wire as token_revoked, with a challenge', async () => {
    const { sessionId, accessToken } = await signIn(newUser([here]), 'body');
    await here.service.revoke(sessionId, 'logout');
    const answer = await send('GET', `${here.url}/auth/me`, { headers: bearer(accessToken) });
    expect(answer).toMatchObject({ status: 401, body: { error: 'token_revoked' } });
    expect(answer.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
  });
});
