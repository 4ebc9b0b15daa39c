import { AuthModule, RefreshTokenService } from 'nestjs-refresh-token';
import { describe, expect, onTestFinished, test } from 'vitest';
import { adapters, SECRET } from '../support/auth-app.js';
import { cookiesSet, login } from '../support/http.js';
import { generateIdentity, sendOverTls, startTlsProxy } from '../support/tls.js';
import { ALICE, host, HOST } from '../support/staff-host.js';

for (const adapter of adapters) {
  describe(`behind a TLS proxy (${adapter})`, () => {
    const start = async (trustProxy: string | boolean) => {
      const auth = AuthModule.forRoot({ ...HOST, secret: SECRET, requireTls: true });
      const { app, url } = await host(adapter, { imports: [auth], trustProxy });
      const proxy = await startTlsProxy(url, await generateIdentity(), () => ({ 'x-forwarded-for': '203.0.113.7' }));
      onTestFinished(() => proxy.close());
      const send = (path: string, headers?: Record<string, string>, body?: unknown) =>
        sendOverTls('POST', proxy.url + path, { headers, body });
      return { app, url, origin: proxy.url, send };
    };
    const credentials = { ...ALICE, transport: 'cookie' as const };

    test('that is trusted, a page signs in, refreshes and signs out by its cookie', async () => {
      const { app, origin: own, send } = await start('127.0.0.1');
      // As a page of the same origin asks, in a browser without Fetch Metadata.
      const origin = { origin: own };
      const signedIn = await send('/auth/login', origin, credentials);
      expect(signedIn.status).toBe(200);
      const [cookie] = cookiesSet(signedIn);
      expect(cookie).toMatchObject({ name: '__Host-refresh_token', secure: true, httpOnly: true, path: '/' });
      expect(cookie.domain).toBeUndefined();

      const [session] = await app.get(RefreshTokenService).list('user-alice');
      expect(session.ip).toBe('203.0.113.7');

      const presenting = { ...origin, cookie: `${cookie.name}=${cookie.value}` };
      expect((await send('/auth/refresh', presenting)).status).toBe(200);
      expect((await send('/auth/logout', presenting)).status).toBe(204);
      const refused = await send('/auth/refresh', { ...presenting, origin: 'https://evil.example' });
      expect(refused.status).toBe(403);
    });

    test('that is trusted, plain HTTP past the proxy is refused, and nothing redirected', async () => {
      const { url } = await start('10.0.0.1');
      const answer = await login(url, credentials, { 'x-forwarded-proto': 'https' });
      expect(answer).toMatchObject({ status: 403, body: { error: 'https_required' } });
      expect(answer.headers.get('location')).toBeNull();
      expect(cookiesSet(answer)).toEqual([]);
    });

    test('that is not trusted, what it says does not count', async () => {
      const { send } = await start(false);
      const answer = await send('/auth/login', {}, credentials);
      expect(answer).toMatchObject({ status: 403, body: { error: 'https_required' } });
    });
  });
}
