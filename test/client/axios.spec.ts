import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import axios from 'axios';
import { interceptAxios } from 'nestjs-refresh-token/client/axios';
import { describe, expect, test } from 'vitest';
import { listening, MINUTE } from '../support/listening.js';
import { controllers, signedIn, testClient } from '../support/clients.js';

for (const adapter of ['http', 'fetch'] as const) {
  describe(`axios by ${adapter}`, () => {
    const app = listening('express', { controllers });
    const expire = () => app.clock.advance(16 * MINUTE);

    async function setUp() {
      const client = await signedIn(app.url);
      const api = axios.create({ baseURL: app.url, adapter });
      const stop = interceptAxios(api, client);
      return { client, api, stop };
    }

    test('carries the token, and is healed once', async () => {
      const { client, api } = await setUp();
      expect((await api.get('/orders')).data).toEqual({ id: 'user-alice' });
      expire();
      expect((await api.post('/orders', { a: 1 })).data).toEqual({ a: 1 });
      expect(client.count('/auth/refresh')).toBe(1);
    });

    const types = adapter === 'http' ? (['text', 'arraybuffer'] as const) : (['text', 'arraybuffer', 'blob'] as const);
    test.each(types)('is healed where the answer is to be of the type %s', async (responseType) => {
      const { client, api } = await setUp();
      expire();
      const { data } = await api.get<string>('/orders', { responseType });
      expect(await new Response(data).json()).toEqual({ id: 'user-alice' });
      expect(client.count('/auth/refresh')).toBe(1);
      const refusal = api.get('/orders/all', { responseType });
      await expect(refusal).rejects.toMatchObject({ response: { status: 403 } });
      expect(client.count('/auth/refresh')).toBe(1);
    });

    test('leaves a refusal that is a stream to the application, and the next request succeeds', async () => {
      const { client, api } = await setUp();
      expire();
      const { response } = (await api.get('/orders', { responseType: 'stream' }).catch((error: unknown) => error)) as {
        response: { status: number; data: AsyncIterable<Uint8Array> };
      };
      expect(response.status).toBe(401);
      expect(await new Response(Readable.from(response.data) as never).json()).toMatchObject({
        error: 'token_expired',
      });
      await expect.poll(() => client.changes.at(-1)).toBe('refreshed');
      expect((await api.get('/orders', { responseType: 'stream' })).status).toBe(200);
      const anonymous = axios.create({ baseURL: app.url, adapter });
      interceptAxios(anonymous, testClient(app.url));
      await expect(anonymous.get('/orders', { responseType: 'stream' })).rejects.toMatchObject({ status: 401 });
    });

    test('refreshes once for many requests', async () => {
      const { client, api } = await setUp();
      expire();
      const answers = await Promise.all(Array.from({ length: 10 }, () => api.get('/orders')));
      expect(answers.every(({ status }) => status === 200)).toBe(true);
      expect(client.count('/auth/refresh')).toBe(1);
    });

    test('sees other refusals, and those of a session that has ended', async () => {
      const { client, api } = await setUp();
      await expect(api.get('/orders/all')).rejects.toMatchObject({ response: { status: 403 } });
      await app.service.revoke((await client.user())!.sessionId, 'ended_by_admin');
      await expect(api.get('/orders')).rejects.toMatchObject({ response: { status: 401 } });
      await expect.poll(() => client.changes.at(-1)).toBe('ended');
    });

    test('does not send a stream twice', async () => {
      const { client, api } = await setUp();
      expire();
      const headers = { 'content-type': 'application/json' };
      const data = adapter === 'http' ? Readable.from(['{"a":1}']) : new Blob(['{"a":1}']).stream();
      await expect(api.post('/orders', data, { headers })).rejects.toMatchObject({ response: { status: 401 } });
      await expect.poll(() => client.changes.at(-1)).toBe('refreshed');
    });

    test('sends no token to another origin, and none of its own where it is given one', async () => {
      const { api, stop } = await setUp();
      const seen: (string | undefined)[] = [];
      const canary = createServer((request, response) => {
        seen.push(request.headers.authorization);
        response.end('{}');
      });
      await new Promise<void>((resolve) => canary.listen(0, '127.0.0.1', resolve));
      await api.get(`http://127.0.0.1:${(canary.address() as AddressInfo).port}/`);
      expect(seen).toEqual([undefined]);
      canary.close();
      const headers = { Authorization: 'Basic YTpi' };
      await expect(api.get('/orders', { headers })).rejects.toMatchObject({ response: { status: 401 } });
      stop();
      await expect(api.get('/orders')).rejects.toMatchObject({ response: { data: { error: 'unauthorized' } } });
    });

    test('goes without a token where nobody is signed in', async () => {
      const api = axios.create({ baseURL: app.url, adapter });
      interceptAxios(api, testClient(app.url));
      await expect(api.get('/orders')).rejects.toMatchObject({ response: { data: { error: 'unauthorized' } } });
    });
  });
}
