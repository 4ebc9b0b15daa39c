import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { calculateJwkThumbprint, decodeProtectedHeader, EmbeddedJWK, jwtVerify } from 'jose';
import { dpop } from 'nestjs-refresh-token/client/dpop';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ALICE, memoryKeys, testClient } from '../support/clients.js';

interface Proven {
  path: string;
  authorization: string | undefined;
  claims: Record<string, unknown>;
  thumbprint: string;
}

/** A server of RFC 9449, as small as can be. What it accepts, it has verified. */
describe('a client with a key of its own', () => {
  const proven: Proven[] = [];
  const used = new Set<unknown>();
  let server: Server;
  let url: string;
  /** What proofs must carry, if anything. */
  let nonce: string | undefined;
  /** Seconds by which the server's clock is ahead. */
  let ahead = 0;
  let tokens = 0;

  async function verify(request: IncomingMessage): Promise<Proven> {
    const proof = request.headers.dpop as string;
    const { payload } = await jwtVerify(proof, EmbeddedJWK, { typ: 'dpop+jwt', algorithms: ['ES256'] });
    const { jwk } = decodeProtectedHeader(proof);
    expect(Object.keys(jwk!).sort()).toEqual(['crv', 'kty', 'x', 'y']);
    expect(payload).toMatchObject({ htm: request.method, htu: `${url}${request.url!.replace(/\?.*/, '')}` });
    expect(used.has(payload.jti)).toBe(false);
    used.add(payload.jti);
    const { authorization } = request.headers;
    const hash = authorization && createHash('sha256').update(authorization.slice(5)).digest('base64url');
    expect(payload.ath).toBe(hash);
    return { path: request.url!, authorization, claims: payload, thumbprint: await calculateJwkThumbprint(jwk!) };
  }

  beforeAll(async () => {
    server = createServer((request, response) => {
      const now = Date.now() / 1000 + ahead;
      const answer = (status: number, body: object) => {
        const headers = { 'content-type': 'application/json', date: new Date(now * 1000).toUTCString() };
        response.writeHead(status, nonce ? { ...headers, 'dpop-nonce': nonce } : headers).end(JSON.stringify(body));
      };
      // A sign-out works without the key.
      if (request.url === '/auth/logout') return void response.writeHead(204).end();
      verify(request).then(
        (proof) => {
          const atApi = !request.url!.startsWith('/auth/');
          if (proof.claims.nonce !== nonce) return answer(atApi ? 401 : 400, { error: 'use_dpop_nonce' });
          if (Math.abs(now - (proof.claims.iat as number)) > 60) return answer(400, { error: 'invalid_dpop_proof' });
          proven.push(proof);
          const token = {
            access_token: `at-${++tokens}`,
            token_type: 'DPoP',
            expires_in: 900,
            session_id: 's',
            generation: tokens,
          };
          answer(200, atApi ? {} : { ...token, refresh_token: `rt-${tokens}` });
        },
        (error: unknown) => answer(500, { error: String(error) }),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());
  beforeEach(() => {
    proven.length = 0;
    nonce = undefined;
    ahead = 0;
  });

  test('proves it at the login, at each refresh, and with each request', async () => {
    const client = testClient(url, { dpop: dpop(memoryKeys()) });
    await client.login(ALICE);
    await client.fetch('/orders?page=2#top');
    await client.fetch('/orders', { method: 'post', body: '{}' });
    await client.refresh();
    await client.fetch('/orders');
    expect(proven.map(({ path }) => path)).toEqual([
      '/auth/login',
      '/orders?page=2',
      '/orders',
      '/auth/refresh',
      '/orders',
    ]);
    expect(new Set(proven.map(({ thumbprint }) => thumbprint)).size).toBe(1);
    expect(proven.map(({ authorization }) => authorization?.split(' ')[0])).toEqual([
      undefined,
      'DPoP',
      'DPoP',
      undefined,
      'DPoP',
    ]);
    for (const { claims } of proven) expect(claims.iat).toBeCloseTo(Date.now() / 1000, -2);
  });

  test('takes over the nonce of the server, whenever it changes', async () => {
    nonce = 'first';
    const client = testClient(url, { dpop: dpop(memoryKeys()) });
    await client.login(ALICE);
    expect((await client.fetch('/orders')).status).toBe(200);
    nonce = 'second';
    expect((await client.fetch('/orders', { method: 'POST', body: 'a' })).status).toBe(200);
    nonce = 'third';
    await client.refresh();
    expect(proven.map(({ claims }) => claims.nonce)).toEqual(['first', 'first', 'second', 'third']);
    expect(client.count('/auth/login')).toBe(2);
    expect(client.count('/orders')).toBe(3);
    nonce = 'fourth';
    const stream = { method: 'POST', body: new Blob(['a']).stream(), duplex: 'half' } as const;
    expect((await client.fetch('/orders', stream)).status).toBe(401);
  });

  test('whose clock is wrong believes that of the server', async () => {
    ahead = 86_400;
    const client = testClient(url, { dpop: dpop(memoryKeys()) });
    await client.login(ALICE);
    expect((await client.fetch('/orders')).status).toBe(200);
    expect(client.count('/auth/login')).toBe(2);
  });

  test('keeps it where the application says, cannot export it, and drops it at the sign-out', async () => {
    const keys = memoryKeys();
    const client = testClient(url, { dpop: dpop(keys) });
    await client.login(ALICE);
    const restarted = testClient(url, { dpop: dpop(keys), store: client.store });
    await restarted.fetch('/orders');
    expect(new Set(proven.map(({ thumbprint }) => thumbprint)).size).toBe(1);
    expect(keys.kept!.privateKey.extractable).toBe(false);
    await expect(crypto.subtle.exportKey('pkcs8', keys.kept!.privateKey)).rejects.toThrow();
    await client.logout();
    expect(keys.kept).toBeUndefined();
    await client.login(ALICE);
    expect(new Set(proven.map(({ thumbprint }) => thumbprint)).size).toBe(2);
  });
});
