import type { StoredSession } from 'nestjs-refresh-token/client';
import { describe, expect, test } from 'vitest';
import {
  ALICE,
  controllers,
  disturbedClient,
  type Fetch,
  MemoryStore,
  signedIn,
  testClient,
} from '../support/clients.js';
import { eventually } from '../support/eventually.js';
import { listening, MINUTE } from '../support/listening.js';

const BOB = { username: 'bob', password: 'bob-password' };
const TOKENS = { access_token: 'a', token_type: 'Bearer', expires_in: 900 };

/** Holds back the first answer of a route until `release()`. */
function held(path: string) {
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  let arrived = () => {};
  const isHeld = new Promise<void>((resolve) => (arrived = resolve));
  const network: Fetch = async (input, init) => {
    const response = await fetch(input, init);
    if (String(input).endsWith(path)) {
      arrived();
      await released;
    }
    return response;
  };
  return { network, isHeld, release: () => release() };
}

/** A key chain that takes its time. */
class SlowStore extends MemoryStore {
  gate: Promise<void> | undefined;
  saving = 0;

  override async save(session: StoredSession): Promise<void> {
    this.saving++;
    await this.gate;
    void super.save(session);
  }
}

describe('a session', () => {
  const app = listening('express', { controllers });

  test('survives the 200 of a server that is not ours', async () => {
    const client = await disturbedClient(app.url, async (attempt, pass) =>
      attempt === 1 ? Response.json(TOKENS) : attempt === 2 ? foreign() : pass(),
    );
    const foreign = () => Response.json({ ...TOKENS, session_id: 'another', generation: 9, refresh_token: 'nrt_x' });
    const { refreshToken } = client.store.session!;
    app.clock.advance(16 * MINUTE);
    expect((await client.fetch('/orders')).status).toBe(200);
    expect(client.store.session?.refreshToken).not.toBe(refreshToken);
    expect(client.changes).toEqual(['signed_in', 'refreshed']);
  });

  test.each([400, 402, 403, 404, 409])('is not ended by `invalid_grant` with the status %i', async (status) => {
    const client = await disturbedClient(app.url, async () => Response.json({ error: 'invalid_grant' }, { status }));
    await expect(client.refresh()).rejects.toMatchObject({ code: 'temporarily_unavailable' });
    expect(client.state.status).toBe('signed_in');
    expect(client.store.session).toBeDefined();
  });

  test('does not begin if the user has signed out while they signed in', async () => {
    const { network, isHeld, release } = held('/auth/login');
    const client = testClient(app.url, { network });
    const login = client.login(ALICE);
    await isHeld;
    const logout = client.logout();
    release();
    await Promise.all([login, logout]);
    expect(client.state.status).toBe('signed_out');
    expect(client.store.session).toBeUndefined();
    expect(client.count('/auth/logout')).toBe(1);
    await client.login(ALICE);
    expect(client.state.status).toBe('signed_in');
  });

  test('is not refreshed because a stranger behind a redirect refuses its token', async () => {
    const stranger = () =>
      Object.defineProperties(Response.json({ error: 'invalid_token' }, { status: 401 }), {
        url: { value: 'https://stranger.example/orders' },
        redirected: { value: true },
      });
    const client = await signedIn(app.url, {
      network: async (input, init) => (String(input).endsWith('/orders') ? stranger() : fetch(input, init)),
    });
    expect((await client.fetch('/orders')).status).toBe(401);
    expect(client.count('/auth/refresh')).toBe(0);
  });

  test('does not wait for the end of an answer that never ends', async () => {
    const endless = () => new ReadableStream({ start: (body) => body.enqueue(new TextEncoder().encode('{"error":')) });
    const headers = { 'content-type': 'application/json' };
    const client = await signedIn(app.url, {
      network: async (input, init) =>
        String(input).includes('/auth/')
          ? fetch(input, init)
          : new Response(endless(), { status: String(input).endsWith('/graphql') ? 200 : 401, headers }),
    });
    const answers = await Promise.all([client.fetch('/orders'), client.fetch('/graphql')]);
    expect(answers.map(({ status }) => status)).toEqual([401, 200]);
    for (const { body } of answers) {
      const { value } = await body!.getReader().read();
      expect(new TextDecoder().decode(value)).toBe('{"error":');
    }
    expect(client.count('/auth/refresh')).toBe(0);
  });

  test('is not adopted without its refresh token', async () => {
    const client = testClient(app.url);
    const tokens = { ...TOKENS, session_id: 's', generation: 0 };
    await expect(client.adopt(tokens)).rejects.toMatchObject({ code: 'invalid_response' });
    expect(client.store.session).toBeUndefined();
  });

  test('that an older version has stored, and that is dead, ends', async () => {
    const old = await signedIn(app.url);
    const { refreshToken } = old.store.session!;
    await old.logout();
    const store = new MemoryStore();
    store.session = { refreshToken };
    const client = testClient(app.url, { store });
    expect(await client.user()).toBeNull();
    expect(client.state.status).toBe('signed_out');
    expect(store.session).toBeUndefined();
  });

  test('stays ended if the user signs out while a slow store keeps its new token', async () => {
    const store = new SlowStore();
    const client = await signedIn(app.url, { store });
    let open = () => {};
    store.gate = new Promise((resolve) => (open = resolve));
    const before = store.saving;
    const refreshing = client.refresh();
    await eventually(() => expect(store.saving).toBeGreaterThan(before));
    const leaving = client.logout();
    open();
    await Promise.all([refreshing, leaving]);
    expect(client.changes).toEqual(['signed_in', 'signed_out']);
    expect(store.session).toBeUndefined();
    expect((await client.fetch('/orders')).status).toBe(401);
  });

  test('of somebody else is not ended by a sign-out everywhere that is answered late', async () => {
    const { network, isHeld, release } = held('/auth/logout-all');
    const client = await signedIn(app.url, { network });
    const leaving = client.logout({ everywhere: true });
    await isHeld;
    await client.login(BOB);
    release();
    await leaving;
    expect(await client.user()).toMatchObject({ id: 'user-bob' });
  });

  test('of somebody else in the same store is not cleared by a sign-out, which ends its own', async () => {
    const store = new MemoryStore();
    const one = await signedIn(app.url, { store });
    const { refreshToken } = store.session!;
    const two = testClient(app.url, { store });
    await two.login(BOB);
    await one.logout();
    await two.refresh();
    expect(await two.user()).toMatchObject({ id: 'user-bob' });
    const copy = new MemoryStore();
    copy.session = { refreshToken };
    expect(await testClient(app.url, { store: copy }).user()).toBeNull();
  });

  test('is left at the server also if the store is locked at the sign-out', async () => {
    const store = new MemoryStore();
    const client = await signedIn(app.url, { store });
    const { refreshToken } = store.session!;
    const load = store.load.bind(store);
    store.load = () => {
      throw new Error('locked');
    };
    await client.logout();
    store.load = load;
    const copy = new MemoryStore();
    copy.session = { refreshToken };
    expect(await testClient(app.url, { store: copy }).user()).toBeNull();
  });

  test('does not hang on a `fetch` that ignores signals', { timeout: 60_000 }, async () => {
    const client = await disturbedClient(app.url, () => new Promise(() => {}), { timeout: 1 });
    const refreshing = client.refresh();
    await client.logout().catch(() => undefined);
    await refreshing.catch(() => undefined);
    await client.login(ALICE);
    expect(client.state.status).toBe('signed_in');
  });
});
