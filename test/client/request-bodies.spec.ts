import ky from 'ky';
import createOpenapiClient from 'openapi-fetch';
import { dpop } from 'nestjs-refresh-token/client/dpop';
import { describe, expect, test } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { listening, MINUTE } from '../support/listening.js';
import { controllers, memoryKeys, signedIn } from '../support/clients.js';

interface paths {
  '/orders': {
    post: {
      requestBody: { content: { 'application/json': { a: number } } };
      responses: {
        201: { content: { 'application/json': { a: number } } };
        401: { content: { 'application/json': object } };
      };
    };
  };
}

for (const adapter of adapters) {
  describe(`a refused Request is repeated with its body (${adapter})`, () => {
    const app = listening(adapter, { controllers });
    const expire = () => app.clock.advance(16 * MINUTE);
    const json = { method: 'POST', headers: { 'content-type': 'application/json' } };

    const bodies: [string, () => object][] = [
      ['text', () => ({ body: '{"a":1}' })],
      ['bytes', () => ({ body: new TextEncoder().encode('{"a":1}') })],
      ['a blob', () => ({ body: new Blob(['{"a":1}']) })],
      ['a stream', () => ({ body: new Blob(['{"a":1}']).stream(), duplex: 'half' })],
    ];

    test.each(bodies)('that was made of %s', async (_, body) => {
      const client = await signedIn(app.url);
      expire();
      const response = await client.fetch(new Request(`${app.url}/orders`, { ...json, ...body() }));
      expect(response.status).toBe(201);
      expect(await response.json()).toEqual({ a: 1 });
      expect(client.count('/auth/refresh')).toBe(1);
    });

    test('that is large', async () => {
      const client = await signedIn(app.url);
      const a = 'x'.repeat(90_000);
      expire();
      const response = await client.fetch(new Request(`${app.url}/orders`, { ...json, body: JSON.stringify({ a }) }));
      expect(await response.json()).toEqual({ a });
    });

    test('even if the browser does not show it', async () => {
      const client = await signedIn(app.url);
      const place = () => hidden(new Request(`${app.url}/orders`, { ...json, body: '{"a":1}' }));
      expire();
      expect(await (await client.fetch(place())).json()).toEqual({ a: 1 });
      expire();
      const other = { ...json, body: '{"b":2}' };
      expect(await (await client.fetch(place(), other)).json()).toEqual({ b: 2 });
      expect(client.count('/auth/refresh')).toBe(2);
    });

    test('as ky sends it', async () => {
      const client = await signedIn(app.url);
      const api = ky.create({ prefixUrl: app.url, fetch: client.fetch });
      expire();
      expect(await api.post('orders', { json: { a: 1 } }).json()).toEqual({ a: 1 });
      expire();
      expect(await api.get('orders').json()).toEqual({ id: 'user-alice' });
      expect(client.count('/auth/refresh')).toBe(2);
    });

    test('as openapi-fetch sends it', async () => {
      const client = await signedIn(app.url);
      const api = createOpenapiClient<paths>({ baseUrl: app.url, fetch: client.fetch });
      expire();
      const { data, response } = await api.POST('/orders', { body: { a: 1 } });
      expect(response.status).toBe(201);
      expect(data).toEqual({ a: 1 });
      expect(client.count('/auth/refresh')).toBe(1);
    });
  });
}

describe('a Request', () => {
  const app = listening('express', { controllers });

  test('is repeated with its form, byte for byte', async () => {
    const forms: string[] = [];
    const client = await signedIn(app.url, {
      network: async (input, init) => {
        if (input instanceof Request && input.url.endsWith('/orders')) forms.push(await input.clone().text());
        return fetch(input, init);
      },
    });
    const body = new FormData();
    body.set('a', new Blob(['file']), 'a.txt');
    app.clock.advance(16 * MINUTE);
    expect((await client.fetch(new Request(`${app.url}/orders`, { method: 'POST', body }))).status).toBe(201);
    expect(forms).toEqual([expect.stringContaining('file'), forms[0]]);
  });

  test('is used up, as by the platform', async () => {
    const client = await signedIn(app.url);
    const request = new Request(`${app.url}/orders`, { method: 'POST', body: 'a=1' });
    expect((await client.fetch(request)).status).toBe(201);
    expect(request.bodyUsed).toBe(true);
    await expect(client.fetch(request)).rejects.toBeInstanceOf(TypeError);
  });

  test('is repeated for the nonce of a proof, and for a token that has expired after that', async () => {
    let nonces = 0;
    const client = await signedIn(app.url, {
      dpop: dpop(memoryKeys()),
      network: async (input, init) => {
        const response = await fetch(input, init);
        if (!(input instanceof Request) || nonces++ > 0) return response;
        return Response.json({ error: 'use_dpop_nonce' }, { status: 401, headers: { 'dpop-nonce': 'a-nonce' } });
      },
    });
    app.clock.advance(16 * MINUTE);
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1}' };
    const response = await client.fetch(new Request(`${app.url}/orders`, init));
    expect(await response.json()).toEqual({ a: 1 });
    expect(client.count('/orders')).toBe(3);
  });
});

/** Firefox and Safari have no `Request.body`, and clones have none either. */
function hidden(request: Request): Request {
  const clone = request.clone.bind(request);
  return Object.defineProperties(request, { body: { value: undefined }, clone: { value: () => hidden(clone()) } });
}
