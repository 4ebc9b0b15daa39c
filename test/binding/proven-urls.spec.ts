import { request as httpRequest } from 'node:http';
import { Controller, Get, Param, UseGuards } from '@nestjs/common';
import { JwtAuthGuard } from 'nestjs-refresh-token';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adapters, type AuthApp, createAuthApp } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { DpopClient, generateProofKey, hashOf } from '../support/dpop.js';

const ALICE = { username: 'alice', password: 'alice-password', transport: 'body' } as const;

@Controller()
@UseGuards(JwtAuthGuard)
class ResourceController {
  @Get('profile')
  profile() {
    return { profile: true };
  }

  @Get('admin/users')
  users() {
    return { secret: true };
  }

  @Get('files/:a/:b/:c')
  file(@Param('c') name: string) {
    return { name };
  }
}

/** With headers and a request target that `fetch` would set right. */
function statusOf(url: string, target: string, headers: Record<string, string>): Promise<number> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const request = httpRequest({ hostname, port, path: target, headers, setHost: headers.host === undefined });
    request.on('error', reject).on('response', (response) => {
      response.resume();
      resolve(response.statusCode!);
    });
    request.end();
  });
}

describe.each(adapters)('a proof for one URL, on %s', (adapter) => {
  describe.each([false, 'loopback'])('trusting %s as a proxy', (trustProxy) => {
    let app: AuthApp;
    let client: DpopClient;
    let token: string;
    let host: string;
    beforeAll(async () => {
      app = await createAuthApp(adapter, await databaseNamed('sqljs').create(), {
        trustProxy,
        controllers: [ResourceController],
      });
      client = new DpopClient(await generateProofKey(), app.url, () => app.clock.now());
      token = (await client.login(ALICE)).body.access_token;
      ({ host } = new URL(app.url));
    });
    afterAll(() => app?.close());

    const get = async (target: string, headers: Record<string, string>, path = '/profile') => {
      const dpop = await client.proof('GET', path, { ath: hashOf(token) });
      return statusOf(app.url, target, { authorization: `DPoP ${token}`, dpop, ...headers });
    };

    it('is good for it, with any query', async () => {
      expect(await get('/profile', {})).toBe(200);
      expect(await get('/profile?a=/admin/users', {})).toBe(200);
    });

    const hosts = ['/profile?', '/profile#', '/profile?x=', '\\profile?', ' ', '@evil.example', ':80:80', ''];
    it.each(hosts.map((suffix) => [suffix]))(
      'is good for no other, whatever the host is said to be (…%s)',
      async (suffix) => {
        const said = { host: host + suffix, 'x-forwarded-host': host + suffix };
        expect(await get('/admin/users', said)).not.toBe(200);
        expect(await get('/admin/users', { 'x-forwarded-host': host + suffix })).not.toBe(200);
        expect(await get('/admin/users', { 'x-forwarded-proto': `http://${host}${suffix}` })).not.toBe(200);
      },
    );

    it.each([
      ['/files/%2e%2e/%2e%2e/profile'],
      ['/files/../../profile'],
      ['/profile/../admin/users'],
      ['//profile'],
      ['/Profile'],
      ['http://evil.example/profile'],
    ])('is not good for the target %s', async (target) => {
      expect(await get(target, {})).not.toBe(200);
    });
  });
});

describe('with a public URL', () => {
  it.each([
    ['https://app.example/api/', 'https://app.example'],
    ['https://bücher.example/api', 'https://xn--bcher-kva.example'],
  ])('%s, a proof is for that URL, whatever the request says', async (publicUrl, origin) => {
    const app = await createAuthApp('express', await databaseNamed('sqljs').create(), {
      controllers: [ResourceController],
      options: { binding: { dpop: { publicUrl } } },
    });
    const key = await generateProofKey();
    const attempt = async (url: string, host: string) => {
      const client = new DpopClient(key, url, () => app.clock.now());
      const dpop = await client.proof('POST', '/auth/login');
      const { hostname, port } = new URL(app.url);
      return new Promise<number>((resolve, reject) => {
        const headers = { host, dpop, 'content-type': 'application/json' };
        const request = httpRequest({ hostname, port, path: '/auth/login', method: 'POST', headers });
        request.on('error', reject).on('response', (response) => resolve((response.resume(), response.statusCode!)));
        request.end(JSON.stringify(ALICE));
      });
    };
    expect(await attempt(`${origin}/api`, 'inside.internal')).toBe(200);
    expect(await attempt('https://evil.example/api', 'evil.example')).toBe(400);
    expect(await attempt(origin, new URL(origin).host)).toBe(400);
    await app.close();
  });
});
