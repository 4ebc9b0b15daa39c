import { APP_FILTER } from '@nestjs/core';
import { AuthExceptionFilter, AuthModule } from 'nestjs-refresh-token';
import { describe, expect, test } from 'vitest';
import { adapters, SECRET } from '../support/auth-app.js';
import { bearer, type AuthBody, send } from '../support/http.js';
import { ALICE, host, HOST } from '../support/staff-host.js';

const filter = { provide: APP_FILTER, useClass: AuthExceptionFilter };

for (const adapter of adapters) {
  describe(`the routes (${adapter})`, () => {
    test.each([
      ['a prefix of their own', { routePrefix: 'account/session' }, '/account/session', undefined],
      ['a prefix with slashes around it', { routePrefix: '/sign-in/' }, '/sign-in', undefined],
      ['a global prefix', {}, '/api/auth', 'api'],
      ['both', { routePrefix: 'v2.0/auth' }, '/api/v2.0/auth', 'api'],
    ])('stand below %s', async (_, extras, path, globalPrefix) => {
      const auth = AuthModule.forRoot({ ...HOST, ...extras, secret: SECRET });
      const { url } = await host(adapter, {
        imports: [auth],
        providers: [filter],
        configure: (app) => globalPrefix && app.setGlobalPrefix(globalPrefix),
      });
      const login = await send<AuthBody>('POST', `${url}${path}/login`, { body: ALICE });
      expect(login.status).toBe(200);
      const { access_token, refresh_token } = login.body;
      const refreshed = await send<AuthBody>('POST', `${url}${path}/refresh`, { body: { refresh_token } });
      expect(refreshed.status).toBe(200);
      const sessions = await send<object[]>('GET', `${url}${path}/sessions`, { headers: bearer(access_token) });
      expect(sessions.body).toHaveLength(1);
      expect((await send('POST', `${url}${path}/logout`, { body: { refresh_token } })).status).toBe(204);
      expect((await send('POST', `${url}/auth/login`, { body: ALICE })).status).toBe(404);

      const headers = { 'content-type': 'application/json' };
      const unreadable = await send('POST', `${url}${path}/login`, { headers, text: '{"username":' });
      expect(unreadable).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
      expect(unreadable.headers.get('cache-control')).toBe('no-store');
    });
  });
}

test.each(['', '/', 'auth/:tenant', 'a b', 'auth?x', 'a//b', '../auth'])('the prefix %j is refused', (routePrefix) => {
  const register = () => AuthModule.forRoot({ ...HOST, secret: SECRET, routePrefix });
  expect(register).toThrow(/routePrefix must be a path without parameters/);
});
