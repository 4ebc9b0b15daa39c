import { Controller, Get, UseGuards } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import { JwtAuthGuard } from 'nestjs-refresh-token';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { bearer, cookieHeader, cookiesSet, login, send } from '../support/http.js';
import { listening, type ListeningSetup, signIn } from '../support/listening.js';

const HTTPS = { 'x-forwarded-proto': 'https' };
const ALICE = { username: 'alice', password: 'alice-password' };

@Controller('own')
class OwnController {
  @UseGuards(JwtAuthGuard)
  @Get('guard')
  guard() {
    return {};
  }

  @UseGuards(AuthGuard('nrt-jwt'))
  @Get('passport')
  passport() {
    return {};
  }
}

for (const adapter of adapters) {
  const requiring: ListeningSetup = { controllers: [OwnController], options: { requireTls: true } };

  describe(`where TLS is required, plain HTTP (${adapter})`, () => {
    // Behind the trusted proxy that some of its requests come through.
    const app = listening(adapter, { ...requiring, trustProxy: '127.0.0.1' });

    test('is refused on every route, without a redirect and without a cookie, also with good tokens', async () => {
      const { accessToken, refreshToken } = await signIn(app, { transport: 'cookie' }, HTTPS);
      const [access, cookie] = [bearer(accessToken), cookieHeader(refreshToken)];
      for (const [method, path, request] of [
        ['POST', '/auth/login', { body: { ...ALICE, transport: 'cookie' } }],
        ['POST', '/auth/login', { body: { ...ALICE, transport: 'body' } }],
        ['POST', '/auth/login', { body: { nonsense: true } }],
        ['POST', '/auth/refresh', { body: { refresh_token: refreshToken } }],
        ['POST', '/auth/refresh', { headers: cookie }],
        ['POST', '/auth/logout', { headers: cookie }],
        ['POST', '/auth/logout', { headers: access }],
        ['POST', '/auth/logout-all', { headers: access }],
        ['GET', '/auth/sessions', { headers: access }],
        ['DELETE', '/auth/sessions/7f1f3bd9-6f8e-4f0a-9d8b-2d1f0e5b6a77', { headers: access }],
        ['GET', '/auth/me', { headers: access }],
        ['GET', '/own/guard', { headers: access }],
        ['GET', '/own/passport', { headers: access }],
      ] as const) {
        const answer = await send(method, app.url + path, request);
        expect(answer, path).toMatchObject({ status: 403, body: { error: 'https_required' } });
        expect(answer.headers.get('location'), path).toBeNull();
        expect(cookiesSet(answer), path).toEqual([]);
      }
      expect((await send('POST', `${app.url}/auth/refresh`, { headers: { ...cookie, ...HTTPS } })).status).toBe(200);
      expect((await send('GET', `${app.url}/own/guard`, { headers: { ...access, ...HTTPS } })).status).toBe(200);
      expect((await send('GET', `${app.url}/own/passport`, { headers: { ...access, ...HTTPS } })).status).toBe(200);
    });

    test('is refused when it is the proxy that says so', async () => {
      expect((await login(app.url, ALICE, { 'x-forwarded-proto': 'http' })).status).toBe(403);
    });
  });

  describe.each([false, '10.0.0.1'])(`where the proxy is not trusted: trustProxy %j (${adapter})`, (trustProxy) => {
    const app = listening(adapter, { ...requiring, trustProxy });

    test('X-Forwarded-Proto says nothing', async () => {
      const forwarded = { ...HTTPS, forwarded: 'proto=https', 'x-forwarded-ssl': 'on', 'front-end-https': 'on' };
      const answer = await login(app.url, ALICE, forwarded);
      expect(answer).toMatchObject({ status: 403, body: { error: 'https_required' } });
      expect(cookiesSet(answer)).toEqual([]);
    });
  });

  describe(`in production (${adapter})`, () => {
    beforeAll(() => void vi.stubEnv('NODE_ENV', 'production'));
    const app = listening(adapter);
    afterAll(() => void vi.unstubAllEnvs());

    test('TLS is required where the host says nothing else', async () => {
      expect(await login(app.url, ALICE)).toMatchObject({ status: 403, body: { error: 'https_required' } });
    });
  });

  describe(`the address of the client (${adapter})`, () => {
    const direct = listening(adapter);
    const behindProxy = listening(adapter, { trustProxy: '127.0.0.1' });
    const forwarded = { 'x-forwarded-for': '203.0.113.9' };

    test('is the one that a trusted proxy forwards', async () => {
      await signIn(behindProxy, {}, forwarded);
      expect(behindProxy.events.at(-1)).toMatchObject({ type: 'signed_in', ip: '203.0.113.9' });
    });

    test('is the one of the connection where no proxy is trusted', async () => {
      await signIn(direct, {}, forwarded);
      expect(direct.events.at(-1)).toMatchObject({ type: 'signed_in', ip: '127.0.0.1' });
    });
  });
}
