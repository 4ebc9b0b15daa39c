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

  test('is told from our own, which goes when its session is dead', async () => {
    const { refreshToken, sessionId } = await signIn(ours, { transport: 'cookie' });
    await ours.service.revoke(sessionId, 'ended_by_admin');
    const answer = await refresh(ours.url, undefined, cookieHeader(refreshToken));
    expect(answer.status).toBe(401);
    expect(cookiesSet(answer)).toMatchObject([{ value: '', maxAge: 0 }]);
  });
});
