import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import axios from 'axios';
import { interceptAxios } from 'nestjs-refresh-token/client/axios';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { listening, MINUTE, SECOND } from '../support/listening.js';
import { controllers, signedIn } from '../support/clients.js';

describe('an origin that refuses each token', () => {
  const app = listening('express', { controllers });
  let server: Server;
  let origin: string;
  let isAccepting = false;
  let refusal: { headers: Record<string, string>; body: string };
  const EXPIRED = { headers: { 'content-type': 'application/json' }, body: '{"error":"token_expired"}' };

  beforeAll(async () => {
    server = createServer((_, response) => {
      if (isAccepting) response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      else response.writeHead(401, refusal.headers).end(refusal.body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());
  afterEach(() => {
    vi.restoreAllMocks();
    isAccepting = false;
  });

  /** Lets time pass for the client, by its clock that cannot jump. */
  function pass(milliseconds: number) {
    const now = performance.now.bind(performance);
    vi.spyOn(performance, 'now').mockImplementation(() => now() + milliseconds);
  }

  test.each([
    ['token_expired', EXPIRED],
    ['token_stale', { ...EXPIRED, body: '{"error":"token_stale"}' }],
    ['token_revoked', { ...EXPIRED, body: '{"error":"token_revoked"}' }],
    ['the challenge', { headers: { 'www-authenticate': 'Bearer error="invalid_token"' }, body: '' }],
  ])('by %s costs one refresh in 30 seconds, and not one for each request', async (_, answer) => {
    refusal = answer;
    const client = await signedIn(app.url, { allowedOrigins: [origin] });
    for (let count = 0; count < 10; count++) expect((await client.fetch(origin)).status).toBe(401);
    const many = await Promise.all(Array.from({ length: 20 }, () => client.fetch(origin)));
    expect(new Set(many.map(({ status }) => status))).toEqual(new Set([401]));
    await expect.poll(() => client.count('/auth/refresh')).toBe(1);
    const api = axios.create({ baseURL: origin });
    interceptAxios(api, client);
    await expect(api.get('/')).rejects.toMatchObject({ response: { status: 401 } });
    expect(client.count('/auth/refresh')).toBe(1);

    pass(31 * SECOND);
    for (let count = 0; count < 5; count++) expect((await client.fetch(origin)).status).toBe(401);
    await expect.poll(() => client.count('/auth/refresh')).toBe(2);
  });

  test('does not keep the others from being healed', async () => {
    refusal = EXPIRED;
    const client = await signedIn(app.url, { allowedOrigins: [origin] });
    await client.fetch(origin);
    await client.fetch(origin);
    app.clock.advance(16 * MINUTE);
    expect((await client.fetch('/orders')).status).toBe(200);
    expect(client.count('/auth/refresh')).toBe(2);
  });

  test('is healed again once it has accepted a token', async () => {
    refusal = EXPIRED;
    const client = await signedIn(app.url, { allowedOrigins: [origin] });
    await client.fetch(origin);
    isAccepting = true;
    expect((await client.fetch(origin)).status).toBe(200);
    isAccepting = false;
    await client.fetch(origin);
    expect(client.count('/auth/refresh')).toBe(2);
  });

  test('is healed again for a new session', async () => {
    refusal = EXPIRED;
    const client = await signedIn(app.url, { allowedOrigins: [origin] });
    await client.fetch(origin);
    await client.login({ username: 'bob', password: 'bob-password' });
    await client.fetch(origin);
    expect(client.count('/auth/refresh')).toBe(2);
  });
});
