import { authCors, AuthModule } from 'nestjs-refresh-token';
import { describe, expect, test } from 'vitest';
import { adapters, SECRET } from '../support/auth-app.js';
import { cookiesSet, send } from '../support/http.js';
import { host, HOST } from '../support/staff-host.js';

const ORIGINS = ['https://app.example', 'https://admin.example:8443'];
const OTHERS = [
  'https://evil-app.example',
  'https://app.example.evil.test',
  'https://sub.app.example',
  'http://app.example',
  'https://app.example:8443',
  'https://APP.example',
  'null',
];
const ALICE = { username: 'alice', password: 'alice-password', transport: 'cookie' };

for (const adapter of adapters) {
  describe(`CORS with an exact list (${adapter})`, () => {
    const start = () => {
      const auth = AuthModule.forRoot({ ...HOST, secret: SECRET, cookie: { allowedOrigins: ORIGINS } });
      return host(adapter, { imports: [auth], configure: (app) => app.enableCors(authCors(ORIGINS)) });
    };
    const preflight = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' };

    test('lets the pages of these origins sign in, and read the headers that they need', async () => {
      const { url } = await start();
      for (const origin of ORIGINS) {
        const asked = await send('OPTIONS', `${url}/auth/login`, { headers: { origin, ...preflight } });
        expect(asked.headers.get('access-control-allow-origin')).toBe(origin);
        expect(asked.headers.get('access-control-allow-headers')).toMatch(/content-type/i);
        const headers = { origin, 'sec-fetch-site': 'same-site' };
        const answer = await send('POST', `${url}/auth/login`, { headers, body: ALICE });
        expect(answer.status).toBe(200);
        expect(cookiesSet(answer)).toHaveLength(1);
        expect(answer.headers.get('access-control-allow-origin')).toBe(origin);
        expect(answer.headers.get('access-control-allow-credentials')).toBe('true');
        expect(answer.headers.get('vary')).toMatch(/Origin/i);
        for (const name of ['WWW-Authenticate', 'Retry-After', 'DPoP-Nonce']) {
          expect(answer.headers.get('access-control-expose-headers')).toContain(name);
        }
      }
    });

    test.each(OTHERS)('tells %s nothing, and signs nobody in for it', async (origin) => {
      const { url } = await start();
      const asked = await send('OPTIONS', `${url}/auth/login`, { headers: { origin, ...preflight } });
      expect(asked.headers.get('access-control-allow-origin')).toBeNull();
      const headers = { origin, 'sec-fetch-site': 'cross-site' };
      const answer = await send('POST', `${url}/auth/login`, { headers, body: ALICE });
      expect(answer).toMatchObject({ status: 403, body: { error: 'forbidden' } });
      expect(answer.headers.get('access-control-allow-origin')).toBeNull();
      expect(cookiesSet(answer)).toEqual([]);
    });
  });
}

test.each(['*', 'null', 'app.example', 'https://app.example/', 'https://*.example/'])('%s is refused', (origin) => {
  expect(() => authCors(['https://app.example', origin])).toThrow(/Write origins as browsers send them/);
});
