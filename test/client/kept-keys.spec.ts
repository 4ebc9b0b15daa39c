import { AuthClientError, createAuthClient } from 'nestjs-refresh-token/client';
import { type DeviceKey, dpop, type KeyStore } from 'nestjs-refresh-token/client/dpop';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { ALICE, controllers, MemoryStore, testClient } from '../support/clients.js';
import { FakeIndexedDb, type IndexedDbFault } from '../support/indexed-db.js';
import { listening } from '../support/listening.js';

/** Milliseconds: a login waits 3 seconds for the key, and then for the server. */
const PATIENCE = 15_000;

const FAULTS: IndexedDbFault[] = [
  'open hangs',
  'open throws',
  'open is refused',
  'writes are aborted',
  'put throws',
  'transactions hang',
  'reads are empty',
];

/** A store of the application, that can be locked. */
class Keychain implements KeyStore {
  kept: DeviceKey | undefined;
  answer: (kept: DeviceKey | undefined) => ReturnType<KeyStore['load']> = (kept) => kept;

  load() {
    return this.answer(this.kept);
  }

  save(key: DeviceKey) {
    this.kept = key;
  }

  clear() {
    this.kept = undefined;
  }
}

const never = <T>() => new Promise<T>(() => undefined);

describe('the key of a device', () => {
  const app = listening('express', { controllers });
  let warnings: string[];
  beforeEach(() => {
    warnings = [];
    const spy = vi.spyOn(console, 'warn').mockImplementation((text: string) => void warnings.push(text));
    return () => spy.mockRestore();
  });

  const bound: (boolean | undefined)[] = [];
  beforeEach(() => void bound.splice(0));

  /** A client, as after a start of the application. */
  function started(option = dpop(), store = new MemoryStore(), name = '') {
    const client = testClient(app.url, { dpop: option, store, name });
    client.onChange((change) => void bound.push(change.bound));
    return client;
  }

  /** A login over HTTP leaves a session that is bound, or the reason why it is not. */
  async function outcomeOf(client: ReturnType<typeof started>) {
    const from = performance.now();
    await client.login(ALICE);
    expect(performance.now() - from).toBeLessThan(PATIENCE);
    expect((await client.fetch('/orders')).status).toBe(200);
    await client.refresh();
    return bound.at(-1);
  }

  test('is kept in IndexedDB, one for each name', async () => {
    const database = FakeIndexedDb.install();
    expect(await outcomeOf(started())).toBe(true);
    expect(await outcomeOf(started(dpop(), new MemoryStore(), 'other'))).toBe(true);
    expect(database.kept.size).toBe(2);
    expect(warnings).toEqual([]);
  });

  test.each(FAULTS)('binds no session if it cannot be kept, and the login does not hang: %s', async (fault) => {
    const database = FakeIndexedDb.install();
    database.fault = fault;
    const client = started();
    expect(await outcomeOf(client)).toBe(false);
    await client.logout();
    await client.login(ALICE);
    expect(warnings).toEqual([expect.stringMatching(/^nestjs-refresh-token: The key of this device cannot be kept: /)]);
    const restarted = started(dpop(), client.store);
    expect((await restarted.fetch('/orders')).status).toBe(200);
  });

  test.each(FAULTS)('is required if the application says so; then the login is not sent: %s', async (fault) => {
    FakeIndexedDb.install().fault = fault;
    const client = started(dpop({ required: true }));
    await expect(client.login(ALICE)).rejects.toMatchObject({ code: 'key_not_kept', name: 'AuthClientError' });
    expect(client.exchanges).toEqual([]);
  });

  test('binds no session in a store of the application that never answers', async () => {
    for (const method of ['load', 'save'] as const) {
      const keys = new Keychain();
      Object.assign(keys, { [method]: never });
      expect(await outcomeOf(started(dpop(keys)))).toBe(false);
    }
    const keys = new Keychain();
    Object.assign(keys, { clear: never });
    const client = started(dpop(keys));
    expect(await outcomeOf(client)).toBe(true);
    await client.logout();
    expect(client.changes.at(-1)).toBe('signed_out');
  });

  test.each<[string, string, Keychain['answer']]>([
    ['never answers', 'temporarily_unavailable', never],
    ['throws', 'temporarily_unavailable', () => Promise.reject(new Error('The device is locked.'))],
    ['says that it is empty', 'key_missing', () => undefined],
  ])('ends no session while its store %s', async (_, code, locked) => {
    const keys = new Keychain();
    const { store } = await loggedIn(keys);
    keys.answer = locked;
    const restarted = started(dpop(keys), store);
    await expect(restarted.user()).rejects.toMatchObject({ code });
    expect(restarted.changes).toEqual([]);
    expect(restarted.exchanges).toEqual([]);
    expect(store.session).toBeDefined();
    expect(keys.kept).toBeDefined();
    keys.answer = (kept) => kept;
    await expect.poll(() => restarted.user().catch(() => null), { interval: 500 }).toMatchObject({ id: 'user-alice' });
  });

  test('is not needed for a sign-out', async () => {
    const keys = new Keychain();
    const { store } = await loggedIn(keys);
    keys.answer = () => Promise.reject(new Error('The device is locked.'));
    const restarted = started(dpop(keys), store);
    const from = app.events.length;
    await restarted.logout();
    expect(restarted.exchanges).toEqual([{ method: 'POST', path: '/auth/logout', status: 204 }]);
    expect(store.session).toBeUndefined();
    expect(app.events.slice(from)).toContainEqual(expect.objectContaining({ reason: 'logout' }));
  });

  test('ends no session while IndexedDB hangs', async () => {
    const database = FakeIndexedDb.install();
    const client = started();
    expect(await outcomeOf(client)).toBe(true);
    database.fault = 'open hangs';
    const restarted = started(dpop(), client.store);
    await expect(restarted.user()).rejects.toMatchObject({ code: 'temporarily_unavailable' });
    database.release();
    expect(await restarted.user()).toMatchObject({ id: 'user-alice' });
  });

  test('is never replaced by a refresh, but by a login', async () => {
    const database = FakeIndexedDb.install();
    const client = started();
    await client.login(ALICE);
    database.kept.clear();
    const restarted = started(dpop(), client.store);
    await expect(restarted.user()).rejects.toMatchObject({ code: 'key_missing' });
    expect(database.kept.size).toBe(0);
    expect(client.store.session).toBeDefined();
    expect(await outcomeOf(restarted)).toBe(true);
    expect(database.kept.size).toBe(1);
  });

  test('is saved again if it was evicted while the application ran', async () => {
    const database = FakeIndexedDb.install();
    const client = started();
    await client.login(ALICE);
    database.kept.clear();
    await client.refresh();
    await expect.poll(() => database.kept.size).toBe(1);
    expect(await started(dpop(), client.store).user()).toMatchObject({ id: 'user-alice' });
  });

  test('survives a login that is refused', async () => {
    const keys = new Keychain();
    const { store, kept } = await loggedIn(keys);
    const restarted = started(dpop(keys), store);
    await expect(restarted.login({ ...ALICE, password: 'wrong' })).rejects.toMatchObject({
      code: 'invalid_credentials',
    });
    expect(keys.kept).toBe(kept);
    expect(await restarted.user()).toMatchObject({ id: 'user-alice' });
  });

  test('is one, if two tabs sign in at the same time', async () => {
    const database = FakeIndexedDb.install();
    const clients = [started(), started()];
    await Promise.all(clients.map((client) => client.login(ALICE)));
    expect(database.kept.size).toBe(1);
    for (const { store } of clients) {
      expect(await started(dpop(), store).user()).toMatchObject({ id: 'user-alice' });
    }
  });

  test('needs no crypto.randomUUID', async () => {
    const { subtle } = crypto;
    const getRandomValues = crypto.getRandomValues.bind(crypto);
    vi.stubGlobal('crypto', { subtle, getRandomValues });
    try {
      expect(await outcomeOf(started(dpop(new Keychain())))).toBe(true);
    } finally {
      vi.unstubAllGlobals();
    }
  });

  test('needs crypto.subtle: without it, the login says what to do', async () => {
    const client = started(dpop(new Keychain()));
    vi.stubGlobal('crypto', { getRandomValues: crypto.getRandomValues.bind(crypto) });
    try {
      const refused = client.login(ALICE);
      await expect(refused).rejects.toMatchObject({ code: 'invalid_configuration' });
      await expect(refused).rejects.toThrow(/https/);
    } finally {
      vi.unstubAllGlobals();
    }
  });

  test('needs a store where there is no IndexedDB: the login says so, and the start does not', async () => {
    const client = started();
    await expect(client.login(ALICE)).rejects.toMatchObject({
      code: 'invalid_configuration',
      message: expect.stringContaining('dpop({ load, save, clear })') as string,
    });
  });

  test('is asked for by dpop(), which checks its store; anything else is refused with what to write', () => {
    const options = { baseUrl: app.url, store: new MemoryStore() };
    for (const wrong of [true, new Keychain(), {}]) {
      expect(() => createAuthClient({ ...options, dpop: wrong as never })).toThrow(
        "import { dpop } from 'nestjs-refresh-token/client/dpop'",
      );
    }
    expect(() => dpop({ load: () => undefined } as never)).toThrow(AuthClientError);
    for (const none of [undefined, false] as const) createAuthClient({ ...options, dpop: none }).close();
  });

  test('proves logins and requests that the application sends itself', async () => {
    const keys = new Keychain();
    const client = started(dpop(keys));
    // It learns the time of the server.
    await client.login(ALICE);
    await client.logout();
    const DPoP = (await client.getProof('/auth/login', 'post'))!;
    const login = await fetch(`${app.url}/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', DPoP },
      body: JSON.stringify({ ...ALICE, transport: 'body' }),
    });
    const answer = (await login.json()) as { token_type: string; refresh_token: string };
    expect(answer.token_type).toBe('DPoP');
    const store = new MemoryStore();
    store.session = { refreshToken: answer.refresh_token };
    let authorization = '';
    const watched = testClient(app.url, {
      dpop: dpop(keys),
      store,
      network: (input, init) => {
        authorization = new Headers(init?.headers).get('authorization') ?? authorization;
        return fetch(input, init);
      },
    });
    await watched.fetch('/orders');
    const proof = (await watched.getProof('/orders?page=2#top', 'GET'))!;
    const own = { headers: { authorization, DPoP: proof } };
    expect((await fetch(`${app.url}/orders?page=2`, own)).status).toBe(200);
    expect((await fetch(`${app.url}/orders?page=2`, own)).status).toBe(401);
    const unbound = testClient(app.url);
    await unbound.login(ALICE);
    expect(await unbound.getProof('/orders', 'GET')).toBeUndefined();
  });

  async function loggedIn(keys: Keychain) {
    const client = started(dpop(keys));
    await client.login(ALICE);
    expect(bound).toEqual([true]);
    return { store: client.store, kept: keys.kept };
  }
});
