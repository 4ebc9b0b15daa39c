import { describe, expect, test, vi } from 'vitest';
import { DAY, listening, MINUTE, SECOND } from '../support/listening.js';
import {
  controllers,
  type Disturbance,
  disturbedClient,
  isRefresh,
  MemoryStore,
  signedIn,
  type TestClient,
  testClient,
} from '../support/clients.js';

/** What a refresh answers with, in half of its words. */
const TOKEN = { access_token: 'an-access-token', token_type: 'Bearer', expires_in: 900, session_id: 'a-session' };

describe('a session', () => {
  const app = listening('express', { controllers });
  const expire = () => app.clock.advance(16 * MINUTE);

  const disturbed = (disturb: Disturbance, timeout?: number) => disturbedClient(app.url, disturb, { timeout });

  test('survives a response that is lost: the same token is sent again, and answered again', async () => {
    const client = await disturbed(async (attempt, pass) => {
      const response = await pass();
      if (attempt === 1) throw new TypeError('the network is gone');
      return response;
    });
    expire();
    const from = app.events.length;
    expect((await client.fetch('/orders')).status).toBe(200);
    expect(app.events.slice(from).map(({ type }) => type)).toEqual(['refreshed', 'refresh_repeated']);
    expire();
    expect((await client.fetch('/orders')).status).toBe(200);
  });

  test('survives a response that is cut off in the middle', async () => {
    const client = await disturbed(async (attempt, pass) => {
      const response = await pass();
      const text = await response.text();
      return new Response(attempt === 1 ? text.slice(0, 40) : text, response);
    });
    expire();
    expect((await client.fetch('/orders')).status).toBe(200);
  });

  test('survives a response that never comes', async () => {
    const client = await disturbed(async (attempt, pass) => {
      const response = await pass();
      return attempt === 1 ? new Promise((_, reject) => setTimeout(() => reject(new Error('late')), 300)) : response;
    }, 100);
    expire();
    expect((await client.fetch('/orders')).status).toBe(200);
  });

  test.each([
    ['429', Response.json({ error: 'slow_down' }, { status: 429 })],
    ['500 of a proxy', new Response('<h1>Oops</h1>', { status: 500 })],
    ['502', new Response('', { status: 502 })],
    ['503', Response.json({ error: 'temporarily_unavailable' }, { status: 503, headers: { 'retry-after': '0' } })],
    ['401 of a proxy', new Response('<h1>Portal</h1>', { status: 401 })],
    ['400 without a reason', Response.json({ message: 'Bad Request' }, { status: 400 })],
    ['200 of a captive portal', new Response('<h1>Welcome</h1>', { headers: { 'content-type': 'text/html' } })],
    ['403 without a reason', new Response('', { status: 403 })],
    ['204', new Response(null, { status: 204 })],
    ['200 without a body', new Response('')],
    ['200 with null', Response.json(null)],
    ['200 without a token', Response.json({ ...TOKEN, access_token: undefined })],
    ['200 without a type', Response.json({ ...TOKEN, token_type: undefined })],
    ['200 without a lifetime', Response.json({ ...TOKEN, expires_in: undefined })],
    ['200 with a token that has expired', Response.json({ ...TOKEN, expires_in: 0 })],
    ['200 with a lifetime below zero', Response.json({ ...TOKEN, expires_in: -60 })],
  ])('survives a %s', async (_, answer) => {
    const client = await disturbed(async (attempt, pass) => (attempt === 1 ? answer.clone() : pass()));
    expire();
    expect((await client.fetch('/orders')).status).toBe(200);
    expect(client.changes).toEqual(['signed_in', 'refreshed']);
  });

  test.each([
    ['for an hour', '3600'],
    ['until a date', 'Fri, 01 Jan 2100 00:00:00 GMT'],
  ])('leaves a server alone that asks for it %s, for at most five minutes', async (_, retryAfter) => {
    const client = await disturbed(async () =>
      Response.json({ error: 'temporarily_unavailable' }, { status: 503, headers: { 'retry-after': retryAfter } }),
    );
    expire();
    for (let i = 0; i < 3; i++) {
      await expect(client.fetch('/orders')).rejects.toMatchObject({ code: 'temporarily_unavailable' });
    }
    const patient = client.fetch('/orders');
    await expect(patient).rejects.toMatchObject({ retryAfter: expect.closeTo(5 * MINUTE, -4) as number });
    expect(client.count('/auth/refresh')).toBe(1);
    // A refresh that somebody asks for is tried at once.
    await expect(client.refresh()).rejects.toMatchObject({ code: 'temporarily_unavailable', status: 503 });
    expect(client.count('/auth/refresh')).toBe(2);
    await client.login({ username: 'alice', password: 'alice-password' });
    expect((await client.fetch('/orders')).status).toBe(200);
  });

  test('is not kept waiting by a wall clock that jumps back', async () => {
    let fails = true;
    const client = await disturbed(async (_, pass) =>
      fails ? Response.json({}, { status: 429, headers: { 'retry-after': '9' } }) : pass(),
    );
    expire();
    await expect(client.fetch('/orders')).rejects.toMatchObject({ code: 'temporarily_unavailable' });
    fails = false;
    const wall = vi.spyOn(Date, 'now').mockReturnValue(Date.now() - DAY);
    const monotonic = vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 10 * SECOND);
    try {
      expect((await client.fetch('/orders')).status).toBe(200);
    } finally {
      wall.mockRestore();
      monotonic.mockRestore();
    }
  });

  test('is not ended by a demand for a step-up', async () => {
    const client = await disturbed(async (attempt, pass) =>
      attempt === 1 ? Response.json({ error: 'step_up_required' }, { status: 401 }) : pass(),
    );
    expire();
    await expect(client.fetch('/orders')).rejects.toMatchObject({ code: 'step_up_required' });
    expect(client.changes).toEqual(['signed_in', 'step_up_required']);
    expect((await client.fetch('/orders')).status).toBe(200);
  });

  test('ends when the server says so for certain', async () => {
    const client = await signedIn(app.url);
    const { sessionId } = (await client.user())!;
    await app.service.revoke(sessionId, 'ended_by_admin');
    expect((await client.fetch('/orders')).status).toBe(401);
    await expect.poll(() => client.changes).toEqual(['signed_in', 'ended']);
    expect(client.store.session).toBeUndefined();
    expect(await client.user()).toBeNull();
    expect(client.count('/auth/refresh')).toBe(1);
  });

  test.each<[string, () => Promise<Response>]>([
    ['no network', () => Promise.reject(new TypeError('fetch failed'))],
    ['a captive portal', async () => new Response('<h1>Welcome</h1>')],
    ['a proxy that has lost the server', async () => new Response('<h1>Oops</h1>', { status: 502 })],
  ])('says that the server cannot be asked, where there is %s', async (_, answer) => {
    let away = false;
    const client = await signedIn(app.url, {
      network: (input, init) => (away ? answer() : fetch(input, init)),
    });
    away = true;
    for (const ask of [
      () => client.user(),
      () => client.sessions.list(),
      () => client.sessions.end('another'),
      () => client.sessions.endOthers(),
    ]) {
      await expect(ask()).rejects.toMatchObject({ name: 'AuthClientError', code: 'temporarily_unavailable' });
    }
    away = false;
    expect(await client.user()).toMatchObject({ id: 'user-alice' });
    expect(client.changes).toEqual(['signed_in']);
  });

  test('is shared by processes that share a store, in whatever order they refresh', async () => {
    const store = new MemoryStore();
    const one = await signedIn(app.url, { store });
    const two = testClient(app.url, { store });
    expect(await two.user()).toMatchObject({ id: 'user-alice' });
    expect(two.changes).toEqual(['restored']);
    for (const client of [one, two, two, one]) {
      expire();
      expect((await client.fetch('/orders')).status).toBe(200);
    }
  });

  test.each<[string, (client: TestClient) => Promise<unknown>]>([
    ['refresh', (client) => client.refresh()],
    ['fetch', (client) => client.fetch('/orders')],
    ['user', (client) => client.user()],
    ['all of them', (client) => Promise.all([client.fetch('/orders'), client.refresh(), client.user()])],
  ])('is restored by one refresh, whatever comes first: %s', async (_, first) => {
    const { store } = await signedIn(app.url);
    const client = testClient(app.url, { store });
    await first(client);
    expect(client.count('/auth/refresh')).toBe(1);
    expect(client.changes).toEqual(['restored']);
  });

  test('is not ended by having been overtaken', async () => {
    const store = new MemoryStore();
    const other = await signedIn(app.url, { store });
    let overtaken = false;
    const client = testClient(app.url, {
      store,
      network: async (input, init) => {
        if (!isRefresh(input) || overtaken) return fetch(input, init);
        overtaken = true;
        await other.refresh();
        return Response.json({ error: 'invalid_grant' }, { status: 401 });
      },
    });
    expect(await client.user()).toMatchObject({ id: 'user-alice' });
  });

  test('survives a store that cannot write for a while', async () => {
    const store = new MemoryStore();
    const client = await signedIn(app.url, { store });
    const save = store.save.bind(store);
    store.save = () => {
      throw new Error('disk full');
    };
    for (let i = 0; i < 2; i++) {
      app.clock.advance(20 * MINUTE);
      expect((await client.fetch('/orders')).status).toBe(200);
    }
    store.save = save;
    app.clock.advance(20 * MINUTE);
    await client.refresh();
    app.clock.advance(20 * SECOND);
    expect(await testClient(app.url, { store }).user()).toMatchObject({ id: 'user-alice' });
  });
});
