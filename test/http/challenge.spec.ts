import { Controller, Get, UseGuards } from '@nestjs/common';
import { type AuthenticatedUser, CurrentUser, JwtAuthGuard, Roles, RolesGuard } from 'nestjs-refresh-token';
import { describe, expect, test } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { bearer, send } from '../support/http.js';
import { listening, MINUTE, signIn } from '../support/listening.js';

/** A controller of the host, with nothing of the library but its guards. */
@Controller('reports')
@UseGuards(JwtAuthGuard, RolesGuard)
class ReportsController {
  @Get()
  list(@CurrentUser() user: AuthenticatedUser) {
    return { id: user.id };
  }

  @Get('secret')
  @Roles('auditor', 'admin')
  secret() {
    return {};
  }

  @Get('unreachable')
  @Roles()
  unreachable() {
    return {};
  }
}

const guarded = [
  ['GET', '/auth/me'],
  ['GET', '/auth/sessions'],
  ['DELETE', '/auth/sessions/7f1f3bd9-6f8e-4f0a-9d8b-2d1f0e5b6a77'],
  ['POST', '/auth/logout-all'],
  ['GET', '/reports'],
  ['GET', '/reports/secret'],
];

/** A challenge without an error code: the client may simply not have known that it needs a token (RFC 6750 §3.1). */
const noCredentials: Record<string, Record<string, string>> = {
  'no header': {},
  'another scheme': { authorization: 'Basic YWxpY2U6YWxpY2UtcGFzc3dvcmQ=' },
  'a scheme that begins like ours': { authorization: 'BearerX abc' },
};

const badCredentials: Record<string, string> = {
  'no token': 'Bearer',
  'no token, but a space': 'Bearer ',
  nonsense: 'Bearer x',
  'what looks like a token': 'Bearer eyJhbGciOiJIUzI1NiJ9.e30.AAAA',
  'two tokens': 'Bearer a.b.c, Bearer d.e.f',
  'a token with more after it': 'Bearer a.b.c d',
};

for (const adapter of adapters) {
  describe(`the challenge of a guarded route (${adapter})`, () => {
    const app = listening(adapter, { controllers: [ReportsController] });

    test.each(Object.keys(noCredentials))('with %s names no error', async (name) => {
      for (const [method, path] of guarded) {
        const answer = await send(method, app.url + path, { headers: noCredentials[name] });
        expect(answer.status, path).toBe(401);
        expect(answer.headers.get('www-authenticate'), path).toBe('Bearer');
        expect(answer.body, path).toMatchObject({ error: 'unauthorized', error_description: expect.any(String) });
      }
    });

    test.each(Object.keys(badCredentials))('with %s says invalid_token', async (name) => {
      for (const [method, path] of guarded) {
        const answer = await send(method, app.url + path, { headers: { authorization: badCredentials[name] } });
        expect(answer.status, path).toBe(401);
        expect(answer.headers.get('www-authenticate'), path).toBe('Bearer error="invalid_token"');
        expect(answer.body, path).toMatchObject({ error: 'invalid_token', error_description: expect.any(String) });
      }
    });

    test('of an expired token says invalid_token, and the body that it has expired', async () => {
      const { accessToken } = await signIn(app, { username: 'admin' });
      app.clock.advance(15 * MINUTE);
      for (const [method, path] of guarded) {
        const answer = await send(method, app.url + path, { headers: bearer(accessToken) });
        expect(answer, path).toMatchObject({ status: 401, body: { error: 'token_expired' } });
        expect(answer.headers.get('www-authenticate'), path).toBe('Bearer error="invalid_token"');
      }
    });

    test('is not there for a token in the URL or in the body: those are no credentials', async () => {
      const { accessToken } = await signIn(app);
      const answer = await send('GET', `${app.url}/auth/me?access_token=${accessToken}`);
      expect(answer).toMatchObject({ status: 401, body: { error: 'unauthorized' } });
      const body = { access_token: accessToken };
      expect((await send('POST', `${app.url}/auth/logout-all`, { body })).status).toBe(401);
    });

    test('takes the scheme in any case', async () => {
      const { accessToken } = await signIn(app);
      for (const scheme of ['bearer', 'BEARER', 'Bearer', 'Bearer  ']) {
        const headers = { authorization: `${scheme} ${accessToken}` };
        expect((await send('GET', `${app.url}/auth/me`, { headers })).status, scheme).toBe(200);
      }
    });
  });

  describe(`roles (${adapter})`, () => {
    const app = listening(adapter, { controllers: [ReportsController] });
    const get = async (username: string, path: string) => {
      const { accessToken } = await signIn(app, { username });
      return send('GET', app.url + path, { headers: bearer(accessToken) });
    };

    test('one of those that are named is enough', async () => {
      expect((await get('admin', '/reports/secret')).status).toBe(200);
      expect(await get('alice', '/reports')).toMatchObject({ status: 200, body: { id: 'user-alice' } });
    });

    test('none of them is 403, without a challenge', async () => {
      const answer = await get('alice', '/reports/secret');
      expect(answer).toMatchObject({
        status: 403,
        body: { error: 'forbidden', error_description: expect.any(String) },
      });
      expect(answer.headers.get('www-authenticate')).toBeNull();
    });

    test('where none is named, nobody passes', async () => {
      expect((await get('admin', '/reports/unreachable')).status).toBe(403);
    });
  });
}
