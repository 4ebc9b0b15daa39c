import { describe, expect, test } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { bearer, cookieHeader, cookiesSet, refresh, send } from '../support/http.js';
import { listening, signIn } from '../support/listening.js';

// Two applications on one host, for example on two ports of localhost: each gets the cookie of the other.
describe.each(adapters)('the cookie of another application (%s)', (adapter) => {
  const ours = listening(adapter);
  const other = listening(adapter, { options: { secret: 'another-application-0123456789-0123456789' } });

  test.each(['refresh', 'step-up', 'logout'])('stays when %s refuses or ignores its token', async (route) => {
    const { refreshToken } = await signIn(other, { transport: 'cookie' });
    const body = route === 'step-up' ? { password: 'alice-password' } : {};
    const answer = await send('POST', `${ours.url}/auth/${route}`, { headers: cookieHeader(refreshToken), body });
    expect(answer.status).toBe(route === 'logout' ? 204 : 401);
    expect(cookiesSet(answer)).toEqual([]);
    expect((await refresh(other.url, undefined, cookieHeader(refreshToken))).status).toBe(200);
  });

  test('stays when the user signs out on all devices of this application', async () => {
    const { refreshToken } = await signIn(other, { transport: 'cookie' });
    const { accessToken } = await signIn(ours);
    const headers = { ...bearer(accessToken), ...cookieHeader(refreshToken) };
    const answer = await send('POST', `${ours.url}/auth/logout-all`, { headers });
    expect(answer.status).toBe(204);
    expect(cookiesSet(answer)).toEqual([]);
  });

  test('does not keep a client from refreshing and signing out with a token in the body', async () => {
    const { refreshToken } = await signIn(other, { transport: 'cookie' });
    const mine = await signIn(ours);
    const headers = cookieHeader(refreshToken);
    const { status, body } = await refresh(ours.url, mine.refreshToken, headers);
    expect(status).toBe(200);
    const logout = { headers, body: { refresh_token: body.refresh_token } };
    expect((await send('POST', `${ours.url}/auth/logout`, logout)).status).toBe(204);
    expect((await refresh(ours.url, body.refresh_token)).status).toBe(401);
  });

  test('does not keep a client from signing out with its access token', async () => {
    const { refreshToken } = await signIn(other, { transport: 'cookie' });
    const mine = await signIn(ours);
    const headers = { ...bearer(mine.accessToken), ...cookieHeader(refreshToken) };
    expect((await send('POST', `${ours.url}/auth/logout`, { headers })).status).toBe(204);
    expect((await refresh(ours.url, mine.refreshToken)).status).toBe(401);
  });

  test('is told from our own, which goes when its session is dead', async () => {
    const { refreshToken, sessionId } = await signIn(ours, { transport: 'cookie' });
    await ours.service.revoke(sessionId, 'ended_by_admin');
    const answer = await refresh(ours.url, undefined, cookieHeader(refreshToken));
    expect(answer.status).toBe(401);
    expect(cookiesSet(answer)).toMatchObject([{ value: '', maxAge: 0 }]);
  });
});
