import { describe, expect, test } from 'vitest';
import { adapters } from '../support/auth-app.js';
import { listening, MINUTE } from '../support/listening.js';
import { controllers, signedIn, testClient } from '../support/clients.js';

for (const adapter of adapters) {
  describe(`a client whose access token is refused (${adapter})`, () => {
    const app = listening(adapter, { controllers });
    const expire = () => app.clock.advance(16 * MINUTE);

    test('refreshes once and repeats the request; nobody notices', async () => {
      const client = await signedIn(app.url);
      expire();
      const response = await client.fetch('/orders', { method: 'POST', body: 'a=b', headers: { 'x-mine': '1' } });
      expect(response.status).toBe(201);
      expect(client.exchanges.slice(1)).toEqual([
        { method: 'POST', path: '/orders', status: 401 },
        { method: 'POST', path: '/auth/refresh', status: 200 },
        { method: 'POST', path: '/orders', status: 201 },
      ]);
      expect(client.changes).toEqual(['signed_in', 'refreshed']);
    });

    test('sends the same body again, whatever it is made of', async () => {
      const client = await signedIn(app.url);
      const json = { headers: { 'content-type': 'application/json' } };
      for (const init of [
        { body: '{"a":"1"}', ...json },
        { body: new TextEncoder().encode('{"a":"1"}'), ...json },
        { body: new Blob(['{"a":"1"}'], { type: 'application/json' }) },
        { body: new URLSearchParams({ a: '1' }) },
      ]) {
        expire();
        const before = client.count('/auth/refresh');
        const response = await client.fetch(new URL('orders', app.url), { method: 'POST', ...init });
        if (adapter === 'express' || !(init.body instanceof URLSearchParams)) {
          expect(await response.json()).toEqual({ a: '1' });
        }
        expect(client.count('/auth/refresh')).toBe(before + 1);
      }
    });

    test('refreshes once for twenty requests that are refused at the same time', async () => {
      const client = await signedIn(app.url);
      expire();
      const responses = await Promise.all(Array.from({ length: 20 }, () => client.fetch('/orders')));
      expect(responses.map(({ status }) => status)).toEqual(Array(20).fill(200));
      expect(client.count('/auth/refresh')).toBe(1);
    });

    test('gets permissions that were granted, and loses those that were taken away', async () => {
      const client = await signedIn(app.url);
      const status = async () => (await client.fetch('/orders/all')).status;
      const grant = async (roles: string[]) => {
        app.users.users.set('alice', { id: 'user-alice', roles });
        await app.service.permissionsChanged('user-alice');
      };
      expect(await status()).toBe(403);
      await grant(['user', 'admin']);
      expect(await status()).toBe(200);
      expect((await client.user())?.roles).toEqual(['user', 'admin']);
      await grant(['user']);
      expect(await status()).toBe(403);
      expect(client.count('/auth/refresh')).toBe(2);
      expect(await client.user()).toMatchObject({ id: 'user-alice', roles: ['user'] });
    });

    test('does not try a second time', async () => {
      let refusals = 0;
      const client = await signedIn(app.url, {
        network: async (input, init) => {
          if (!String(input).endsWith('/orders')) return fetch(input, init);
          refusals++;
          return Response.json({ error: 'token_expired' }, { status: 401 });
        },
      });
      expect((await client.fetch('/orders')).status).toBe(401);
      expect(refusals).toBe(2);
      expect(client.count('/auth/refresh')).toBe(1);
    });

    test('does not send a stream twice: the refusal is shown, and the next request succeeds', async () => {
      const client = await signedIn(app.url);
      const stream = () => new Blob(['{"a":1}']).stream();
      const init = { method: 'POST', duplex: 'half', headers: { 'content-type': 'application/json' } } as const;
      expire();
      expect((await client.fetch('/orders', { ...init, body: stream() })).status).toBe(401);
      await expect.poll(() => client.changes.at(-1)).toBe('refreshed');
      expect((await client.fetch('/orders', { ...init, body: stream() })).status).toBe(201);
    });

    test('repeats a Request that has no body', async () => {
      const client = await signedIn(app.url);
      expire();
      expect((await client.fetch(new Request(new URL('orders', app.url)))).status).toBe(200);
    });

    test('leaves other refusals to the application', async () => {
      const client = await signedIn(app.url);
      expect((await client.fetch('/orders/all')).status).toBe(403);
      expect((await client.fetch('/orders/none')).status).toBe(404);
      const basic = await client.fetch('/orders', { headers: { authorization: 'Basic YTpi' } });
      expect(basic.status).toBe(401);
      expect(client.count('/auth/refresh')).toBe(0);
    });

    test('that is waiting for a refresh can be aborted, and the refresh goes on', async () => {
      let go = () => {};
      const held = new Promise<void>((resolve) => (go = resolve));
      const client = await signedIn(app.url, {
        network: async (input, init) => {
          if (String(input).endsWith('/refresh')) await held;
          return fetch(input, init);
        },
      });
      expire();
      const aborting = new AbortController();
      const aborted = client.fetch('/orders', { signal: aborting.signal });
      const patient = client.fetch('/orders');
      await expect.poll(() => client.count('/orders')).toBe(2);
      aborting.abort();
      await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
      go();
      expect((await patient).status).toBe(200);
    });
  });
}

describe('a client that is not signed in', () => {
  const app = listening('express', { controllers });

  test('asks without a token, and says that nobody is there', async () => {
    const client = testClient(app.url);
    expect(await client.user()).toBeNull();
    const response = await client.fetch('/orders');
    expect(response).toMatchObject({ status: 401 });
    expect(await response.json()).toMatchObject({ error: 'unauthorized' });
    await client.refresh();
    expect(client.count('/auth/refresh')).toBe(0);
  });

  test('is told why it may not', async () => {
    const client = testClient(app.url);
    await expect(client.login({ username: 'alice', password: 'wrong' })).rejects.toMatchObject({
      name: 'AuthClientError',
      code: 'invalid_credentials',
      status: 401,
    });
    expect(client.changes).toEqual([]);
  });
});
