import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import axios, { AxiosError, type AxiosRequestConfig } from 'axios';
import { interceptAxios } from 'nestjs-refresh-token/client/axios';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listening, MINUTE } from '../support/listening.js';
import { controllers, signedIn } from '../support/clients.js';

for (const adapter of ['http', 'fetch'] as const) {
  describe(`a request of axios by ${adapter}`, () => {
    const app = listening('express', { controllers });
    const expire = () => app.clock.advance(16 * MINUTE);

    async function setUp(config?: AxiosRequestConfig) {
      const client = await signedIn(app.url);
      const api = axios.create({ baseURL: app.url, adapter, ...(config as object) });
      const stop = interceptAxios(api, client);
      expire();
      return { client, api, stop };
    }

    test('is healed if other interceptors copy its config and its headers', async () => {
      const { client, api } = await setUp();
      const copy = (config: { headers: object }) => ({ ...config, headers: { ...config.headers } }) as never;
      api.interceptors.request.use(copy);
      const before = axios.create({ baseURL: app.url, adapter });
      before.interceptors.request.use(copy);
      interceptAxios(before, client);
      before.interceptors.response.use((response) => ({ ...response, config: { ...response.config } }));
      expect((await api.post('/orders', { a: 1 })).data).toEqual({ a: 1 });
      expire();
      expect((await before.post('/orders', { a: 1 })).data).toEqual({ a: 1 });
      expect(client.count('/auth/refresh')).toBe(2);
    });

    test('is healed if validateStatus accepts 401', async () => {
      const { client, api } = await setUp({ validateStatus: () => true });
      expect((await api.get('/orders')).status).toBe(200);
      await app.service.revoke((await client.user())!.sessionId, 'ended_by_admin');
      expect((await api.get('/orders')).status).toBe(401);
    });

    test('is seen once by other interceptors, whichever come first', async () => {
      const { client } = await setUp();
      const api = axios.create({ baseURL: app.url, adapter });
      const seen: unknown[] = [];
      const unwrap = (response: { data: unknown }) => {
        seen.push(response);
        return response.data as never;
      };
      let requests = 0;
      api.interceptors.request.use((config) => {
        requests++;
        return Object.assign(config, { data: { wrapped: config.data as unknown } });
      });
      api.interceptors.response.use(unwrap);
      interceptAxios(api, client);
      api.interceptors.response.use((data) => ({ again: data }) as never);
      expect(await api.post('/orders', 1)).toEqual({ again: { wrapped: 1 } });
      expect([requests, seen.length, client.count('/auth/refresh')]).toEqual([1, 1, 1]);
    });

    test('is transformed once', async () => {
      const bodies: unknown[] = [];
      const { client, api } = await setUp({
        headers: { 'Content-Type': 'application/json' },
        transformRequest: [
          (data: unknown) => {
            bodies.push(data);
            return JSON.stringify({ sealed: data });
          },
        ],
        transformResponse: [(data: string) => (JSON.parse(data) as { sealed: unknown }).sealed],
      });
      expect((await api.post('/orders', { a: 1 })).data).toEqual({ a: 1 });
      expect(bodies).toEqual([{ a: 1 }]);
      expect(client.count('/auth/refresh')).toBe(1);
    });

    test('is healed by a form, by HEAD, and by a method of its own config', async () => {
      const { client, api } = await setUp();
      const form = new FormData();
      form.set('a', new Blob(['file']), 'a.txt');
      expect((await api.post('/orders', form)).status).toBe(201);
      expire();
      expect((await api.head('/orders')).status).toBe(200);
      expire();
      expect(
        (await api.request({ url: 'orders', method: 'POST', data: new URLSearchParams({ a: '1' }) })).data,
      ).toEqual({
        a: '1',
      });
      expire();
      expect((await api.options('/orders/none').catch((error: AxiosError) => error.response!)).status).toBe(404);
      expect(client.count('/auth/refresh')).toBe(3);
    });

    test('finds its URL in every way that axios has', async () => {
      const { client } = await setUp();
      for (const config of [
        { baseURL: app.url, url: 'orders' },
        { baseURL: `${app.url}/orders` },
        { url: `${app.url}/orders` },
        { baseURL: 'http://127.0.0.1:1', url: `${app.url}/orders` },
        { baseURL: `${app.url}/orders/`, url: '../orders', params: { a: [1, 2] } },
      ]) {
        const api = axios.create({ adapter });
        interceptAxios(api, client);
        expire();
        expect((await api.request(config)).data).toEqual({ id: 'user-alice' });
      }
      expect(client.count('/auth/refresh')).toBe(5);
      const relative = axios.create({ adapter });
      interceptAxios(relative, client);
      await expect(relative.get('/orders')).rejects.toBeInstanceOf(Error);
    });

    test('keeps the token out of its errors', async () => {
      const { api } = await setUp();
      const error = (await api.get('/orders/none').catch((error: unknown) => error)) as AxiosError;
      expect(error).toBeInstanceOf(AxiosError);
      expect(error).toMatchObject({ status: 404, config: { url: '/orders/none' } });
      expect(error.response!.config).toBe(error.config);
      expect(JSON.stringify(error)).not.toMatch(/eyJ/);
    });

    test('goes to an adapter of the application, as often as it is sent', async () => {
      const sent: string[] = [];
      const own = async (config: AxiosRequestConfig) => {
        sent.push(String(config.headers!.Authorization));
        const status = sent.length === 1 ? 401 : 200;
        const data = status === 401 ? { error: 'token_expired' } : { fine: true };
        return { status, statusText: '', data, headers: {}, config };
      };
      const { api } = await setUp({ adapter: own as never });
      expect((await api.get('/orders')).data).toEqual({ fine: true });
      expect(sent).toEqual([expect.stringMatching(/^Bearer ey/), expect.stringMatching(/^Bearer ey/)]);
      expect(sent[0]).not.toBe(sent[1]);
    });
  });
}

describe('a repeated request of axios', () => {
  const app = listening('express', { controllers });
  const seen: { request: IncomingMessage; body: string }[] = [];
  let server: Server;
  let origin: string;

  beforeAll(async () => {
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        seen.push({ request, body });
        const json = { 'content-type': 'application/json' };
        if (seen.length === 1) response.writeHead(401, json).end('{"error":"token_expired"}');
        else response.writeHead(200, json).end('{"fine":true}');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  test('is the same request, with another token', async () => {
    const client = await signedIn(app.url, { allowedOrigins: [origin] });
    const api = axios.create({ baseURL: `${origin}/base`, params: { a: 1 }, headers: { common: { 'X-Mine': 'yes' } } });
    interceptAxios(api, client);
    const { data, config } = await api.post<ArrayBuffer>(
      '/orders',
      { b: 'ü' },
      { params: { c: [2, 3] }, responseType: 'arraybuffer', headers: { 'X-One': '1', Accept: false as never } },
    );
    expect(new TextDecoder().decode(data)).toBe('{"fine":true}');
    expect(config).toMatchObject({ responseType: 'arraybuffer', params: { a: 1, c: [2, 3] } });
    const [first, second] = seen.map(({ request: { method, url, headers }, body }) => ({
      method,
      url,
      body,
      headers: { ...headers, authorization: undefined },
    }));
    expect(second).toEqual(first);
    expect(first).toMatchObject({
      url: '/base/orders?a=1&c%5B%5D=2&c%5B%5D=3',
      body: '{"b":"ü"}',
      headers: { 'x-mine': 'yes' },
    });
    expect(first.headers.accept).toBeUndefined();
    const [one, two] = seen.map(({ request }) => request.headers.authorization);
    expect([one, two]).toEqual([expect.stringMatching(/^Bearer ey/), expect.stringMatching(/^Bearer ey/)]);
    expect(one).not.toBe(two);
  });

  test('carries no token where an interceptor that runs later has changed its origin', async () => {
    const client = await signedIn(app.url);
    const api = axios.create({ baseURL: app.url });
    api.interceptors.request.use((config) => Object.assign(config, { baseURL: origin }));
    interceptAxios(api, client);
    seen.length = 1;
    await api.get('/orders');
    expect(seen[1].request.headers.authorization).toBeUndefined();
  });
});
