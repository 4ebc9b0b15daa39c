import { describe, expect, test, vi } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { bearer, cookieHeader, refresh, send } from '../support/http.js';
import { listening, signIn, type SignedIn } from '../support/listening.js';

type Request = NonNullable<Parameters<typeof send>[2]>;
type Case = [status: number, method: string, path: string, request?: (session: SignedIn) => Request];

const ALICE = { username: 'alice', password: 'alice-password' };
const asCookie = ({ refreshToken }: SignedIn) => ({ headers: cookieHeader(refreshToken) });
const asBearer = ({ accessToken }: SignedIn) => ({ headers: bearer(accessToken) });
const junk = () => ({ headers: bearer('junk') });
const crossSite = (session: SignedIn) => ({
  headers: { ...asCookie(session).headers, 'sec-fetch-site': 'cross-site' },
});

/** Each auth route, each status that it can be brought to here. */
const cases: Case[] = [
  [200, 'POST', 'login', () => ({ body: { ...ALICE, transport: 'body' } })],
  [200, 'POST', 'login', () => ({ body: { ...ALICE, transport: 'cookie' } })],
  [400, 'POST', 'login', () => ({ body: {} })],
  [400, 'POST', 'login', () => ({ body: { ...ALICE, scope: '"' } })],
  [401, 'POST', 'login', () => ({ body: { ...ALICE, password: 'wrong' } })],
  [403, 'POST', 'login', (session) => ({ body: ALICE, ...crossSite(session) })],
  [200, 'POST', 'refresh', ({ refreshToken }) => ({ body: { refresh_token: refreshToken } })],
  [200, 'POST', 'refresh', asCookie],
  [400, 'POST', 'refresh'],
  [400, 'POST', 'refresh', () => ({ body: { refresh_token: 1 } })],
  [401, 'POST', 'refresh', () => ({ body: { refresh_token: 'junk' } })],
  [401, 'POST', 'refresh', () => ({ headers: cookieHeader('junk') })],
  [403, 'POST', 'refresh', crossSite],
  [204, 'POST', 'logout'],
  [204, 'POST', 'logout', asCookie],
  [204, 'POST', 'logout', asBearer],
  [400, 'POST', 'logout', () => ({ body: { refresh_token: [] } })],
  [401, 'POST', 'logout', junk],
  [403, 'POST', 'logout', crossSite],
  [204, 'POST', 'logout-all', asBearer],
  [401, 'POST', 'logout-all'],
  [401, 'POST', 'logout-all', junk],
  [200, 'GET', 'sessions', asBearer],
  [401, 'GET', 'sessions'],
  [401, 'GET', 'sessions', junk],
  [404, 'DELETE', 'sessions/nonsense', asBearer],
  [401, 'DELETE', 'sessions/nonsense'],
  [200, 'GET', 'me', asBearer],
  [401, 'GET', 'me'],
  [401, 'GET', 'me', junk],
];

for (const adapter of adapters) {
  describe(`no answer of an auth route is kept by a cache (${adapter})`, () => {
    const app = listening(adapter, { quiet: true });

    test.each(cases)('%i %s /auth/%s (%#)', async (status, method, path, request = () => ({})) => {
      const session = await signIn(app, { transport: 'cookie' });
      const answer = await send(method, `${app.url}/auth/${path}`, request(session));
      expect(answer.status).toBe(status);
      expect(answer.headers.get('cache-control')).toBe('no-store');
    });

    test.each(['login', 'refresh', 'logout'])('503 POST /auth/%s', async (path) => {
      const { refreshToken } = await signIn(app);
      const query = vi.spyOn(app.dataSource, 'createQueryRunner').mockImplementation(() => {
        throw new Error('the database is gone');
      });
      const body = { ...ALICE, refresh_token: refreshToken };
      const answer = await send('POST', `${app.url}/auth/${path}`, { body });
      query.mockRestore();
      expect(answer.status).toBe(503);
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect((await refresh(app.url, refreshToken)).status).toBe(200);
    });

    test('204 DELETE /auth/sessions/:id', async () => {
      const { accessToken, sessionId } = await signIn(app);
      const headers = bearer(accessToken);
      const answer = await send('DELETE', `${app.url}/auth/sessions/${sessionId}`, { headers });
      expect(answer.status).toBe(204);
      expect(answer.headers.get('cache-control')).toBe('no-store');
    });
  });
}
