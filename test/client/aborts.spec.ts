import axios from 'axios';
import { interceptAxios } from 'nestjs-refresh-token/client/axios';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { listening, MINUTE } from '../support/listening.js';
import { controllers, isRefresh, signedIn, testClient } from '../support/clients.js';

describe('a request that is aborted', () => {
  const app = listening('express', { controllers });
  const expire = () => app.clock.advance(16 * MINUTE);
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => void unhandled.push(reason);
  beforeEach(() => void process.on('unhandledRejection', note));
  afterEach(() => {
    process.off('unhandledRejection', note);
    expect(unhandled.splice(0)).toEqual([]);
  });

  /** A client whose refreshes never end, until they fail. */
  async function held() {
    let fail = () => {};
    const failed = new Promise<never>((_, reject) => {
      fail = () => reject(Object.assign(new TypeError('the network is gone')));
    });
    failed.catch(() => undefined);
    const client = await signedIn(app.url, {
      network: (input, init) => (isRefresh(input) ? failed : fetch(input, init)),
    });
    return { client, fail };
  }

  /** A signal as React Native and Safari 15 have it, and the number of those who listen to it. */
  function oldSignal() {
    const controller = new AbortController();
    const { signal } = controller;
    let listening = 0;
    const { addEventListener, removeEventListener } = signal;
    Object.defineProperties(signal, {
      reason: { value: undefined },
      throwIfAborted: { value: undefined },
      addEventListener: { value: (...all: never[]) => (listening++, addEventListener.apply(signal, all as never)) },
      removeEventListener: {
        value: (...all: never[]) => (listening--, removeEventListener.apply(signal, all as never)),
      },
    });
    return { signal, abort: () => controller.abort(), listening: () => listening };
  }

  test('before it begins sends nothing, and leaves no rejection behind', async () => {
    const store = {
      load: async () => Promise.reject(new Error('locked')),
      save: () => {},
      clear: () => {},
    };
    const client = testClient(app.url, {
      store: store as never,
      network: () => Promise.reject(new TypeError('offline')),
    });
    await expect(client.fetch('/orders', { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });
    const request = new Request(`${app.url}/orders`, { signal: AbortSignal.abort(new Error('mine')) });
    await expect(client.fetch(request)).rejects.toThrow('mine');
    expect(client.exchanges).toEqual([]);
  });

  test('while a refresh is waited for ends at once, and leaves no rejection behind', async () => {
    const { client, fail } = await held();
    expire();
    const aborting = new AbortController();
    const aborted = client.fetch('/orders', { signal: aborting.signal });
    await expect.poll(() => client.count('/orders')).toBe(1);
    aborting.abort(new Error('mine'));
    await expect(aborted).rejects.toThrow('mine');
    fail();
    await expect(client.fetch('/orders')).rejects.toMatchObject({ code: 'temporarily_unavailable' });
    expect(client.count('/orders')).toBe(2);
  });

  test('ends at once where signals have no reason', async () => {
    const never = new Promise<never>(() => {});
    const client = await signedIn(app.url, {
      network: (input, init) => (isRefresh(input) ? never : fetch(input, { ...init, signal: undefined })),
    });
    expire();
    const { signal, abort } = oldSignal();
    const aborted = client.fetch('/orders', { signal });
    await expect.poll(() => client.count('/orders')).toBe(1);
    abort();
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
    await expect(client.fetch('/orders', { signal })).rejects.toMatchObject({ name: 'AbortError' });
    expect(client.count('/orders')).toBe(1);
  });

  test('is not sent after the refresh that it waited for', async () => {
    let go = () => {};
    const gone = new Promise<void>((resolve) => (go = resolve));
    const client = await signedIn(app.url, {
      // It ignores signals, as a fetch of the application may.
      network: async (input, init) => {
        if (isRefresh(input)) await gone;
        return fetch(input, { ...init, signal: undefined });
      },
    });
    expire();
    const aborting = new AbortController();
    const aborted = client.fetch('/orders', { method: 'POST', signal: aborting.signal });
    await expect.poll(() => client.count('/orders')).toBe(1);
    aborting.abort();
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
    go();
    expect((await client.fetch('/orders')).status).toBe(200);
    expect(client.exchanges.filter(({ method, path }) => method === 'POST' && path === '/orders')).toHaveLength(1);
  });

  test('leaves no listener on a signal that lives on', async () => {
    const client = await signedIn(app.url, { network: (input, init) => fetch(input, { ...init, signal: undefined }) });
    const { signal, listening: listeners } = oldSignal();
    for (let count = 0; count < 3; count++) expect((await client.fetch('/orders', { signal })).status).toBe(200);
    expect(listeners()).toBe(0);
  });

  for (const adapter of ['http', 'fetch'] as const) {
    test(`by axios ends at once, too (${adapter})`, async () => {
      const { client, fail } = await held();
      const api = axios.create({ baseURL: app.url, adapter });
      interceptAxios(api, client);
      const before = api.get('/orders', { signal: AbortSignal.abort() });
      await expect(before).rejects.toMatchObject({ code: 'ERR_CANCELED' });
      expire();
      const aborting = new AbortController();
      const { token, cancel } = axios.CancelToken.source();
      const aborted = api.get('/orders', { signal: aborting.signal });
      const cancelled = api.get('/orders', { cancelToken: token });
      for (const one of [aborted, cancelled]) one.catch(() => undefined);
      await expect.poll(() => client.count('/auth/refresh') + client.changes.length).toBeGreaterThanOrEqual(1);
      aborting.abort();
      cancel('mine');
      await expect(aborted).rejects.toMatchObject({ code: 'ERR_CANCELED' });
      await expect(cancelled).rejects.toMatchObject({ code: 'ERR_CANCELED', message: 'mine' });
      fail();
    });
  }

  test('by axios later leaves no listener on a `cancelToken`, which many requests may have', async () => {
    const client = await signedIn(app.url);
    const api = axios.create({ baseURL: app.url });
    interceptAxios(api, client);
    const { token } = axios.CancelToken.source();
    const listeners = new Set<unknown>();
    const { subscribe, unsubscribe } = Object.getPrototypeOf(token) as Record<string, (listener: unknown) => void>;
    Object.assign(token, {
      subscribe: (listener: unknown) => (listeners.add(listener), subscribe.call(token, listener)),
      unsubscribe: (listener: unknown) => (listeners.delete(listener), unsubscribe.call(token, listener)),
    });
    expect((await api.get('/orders', { cancelToken: token })).status).toBe(200);
    expect(listeners.size).toBe(0);
  });
});
