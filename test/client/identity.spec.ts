import axios from 'axios';
import { interceptAxios } from 'nestjs-refresh-token/client/axios';
import { describe, expect, test } from 'vitest';
import { listening, MINUTE } from '../support/listening.js';
import { controllers, type Fetch, signedIn } from '../support/clients.js';

const BOB = { username: 'bob', password: 'bob-password' };

/** A network that holds back the first answer of `/orders` until it is let go. */
function holding() {
  let arrived = () => {};
  let release = () => {};
  const refused = new Promise<void>((resolve) => (arrived = resolve));
  const released = new Promise<void>((resolve) => (release = resolve));
  let held = false;
  const network: Fetch = async (input, init) => {
    const response = await fetch(input, init);
    const path = new URL(input instanceof Request ? input.url : input).pathname;
    if (path === '/orders' && !held) {
      held = true;
      arrived();
      await released;
    }
    return response;
  };
  return { network, refused, release: () => release() };
}

describe('a refused request', () => {
  const app = listening('express', { controllers });
  const order = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1}' };

  test.each([
    ['a different user signs in', BOB],
    ['the same user signs in again', { username: 'alice', password: 'alice-password' }],
  ])('is not repeated if %s before its answer arrives', async (_, credentials) => {
    const { network, refused, release } = holding();
    const client = await signedIn(app.url, { network });
    app.clock.advance(16 * MINUTE);
    const placed = client.fetch('/orders', order);
    await refused;
    await client.login(credentials);
    release();
    const response = await placed;
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ error: 'token_expired' });
    expect(client.count('/orders')).toBe(1);
    expect(client.count('/auth/refresh')).toBe(0);
    // The next request is one of the new session.
    expect((await client.fetch('/orders', order)).status).toBe(201);
  });

  test('is not repeated if the user signs out before its answer arrives', async () => {
    const { network, refused, release } = holding();
    const client = await signedIn(app.url, { network });
    app.clock.advance(16 * MINUTE);
    const placed = client.fetch('/orders', order);
    await refused;
    await client.logout();
    release();
    expect((await placed).status).toBe(401);
    expect(client.count('/orders')).toBe(1);
  });

  test('of axios is not repeated for a different user', async () => {
    const client = await signedIn(app.url);
    const { network, refused, release } = holding();
    let sent = 0;
    const counting: Fetch = (input, init) => {
      sent++;
      return network(input, init);
    };
    const api = axios.create({ baseURL: app.url, adapter: 'fetch', env: { fetch: counting } } as object);
    interceptAxios(api, client);
    app.clock.advance(16 * MINUTE);
    const placed = api.post('/orders', { a: 1 });
    placed.catch(() => undefined);
    await refused;
    await client.login(BOB);
    release();
    await expect(placed).rejects.toMatchObject({ response: { status: 401, data: { error: 'token_expired' } } });
    expect(sent).toBe(1);
    expect((await api.get('/orders')).data).toEqual({ id: 'user-bob' });
  });

  test('of axios that a library sends again is not sent for a different user', async () => {
    const client = await signedIn(app.url);
    const api = axios.create({ baseURL: app.url });
    interceptAxios(api, client);
    const { config } = (await api.get('/orders/none').catch((error: unknown) => error)) as { config: object };
    await expect(api.request(config)).rejects.toMatchObject({ response: { status: 404 } });
    await client.login(BOB);
    await expect(api.request(config)).rejects.toMatchObject({ code: 'session_changed' });
  });
});
