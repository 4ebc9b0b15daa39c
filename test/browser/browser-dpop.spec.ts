import type { AuthClientError } from 'nestjs-refresh-token/client';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { MINUTE, SECOND } from '../support/listening.js';
import { browserAvailable, chromiumContexts } from '../support/browser.js';
import { changesOf, clientHost, orders, signIn, stolenCookie } from '../support/client-host.js';

describe.skipIf(!browserAvailable)('a session that is bound to a key of the browser', () => {
  const { app, network, open } = clientHost({ options: { binding: { dpop: { requireNonce: true } } } });
  const newContext = chromiumContexts();

  async function signedIn() {
    const context = await newContext();
    const page = await open(context, { dpop: {} });
    await signIn(page);
    return { context, page };
  }

  test('goes on over refreshes, reloads and tabs, with one key', async () => {
    const { context, page } = await signedIn();
    expect(await orders(page)).toBe(200);
    app.clock.advance(16 * MINUTE);
    expect(await orders(page)).toBe(200);
    await page.reload();
    await page.waitForFunction(() => globalThis.client);
    expect(await orders(page)).toBe(200);
    const other = await open(context, { dpop: {} });
    app.clock.advance(16 * MINUTE);
    expect(await Promise.all([orders(page), orders(other)])).toEqual([200, 200]);
  });

  test('has its key in IndexedDB, from where nobody can take it', async () => {
    const { page } = await signedIn();
    const kept = await page.evaluate(async () => {
      const database = await new Promise<IDBDatabase>((resolve) => {
        const opening = indexedDB.open('nestjs-refresh-token');
        opening.onsuccess = () => resolve(opening.result);
      });
      const keys = await new Promise<CryptoKeyPair[]>((resolve) => {
        const reading = database.transaction('keys').objectStore('keys').getAll();
        reading.onsuccess = () => resolve(reading.result as CryptoKeyPair[]);
      });
      const exported = await crypto.subtle.exportKey('jwk', keys[0].privateKey).catch((error: Error) => error.name);
      return { count: keys.length, extractable: keys[0].privateKey.extractable, exported };
    });
    expect(kept).toEqual({ count: 1, extractable: false, exported: 'InvalidAccessError' });
  });

  test('survives a response that is lost for longer than a bearer token would', async () => {
    const { page } = await signedIn();
    network.faults = ['drop', 'drop', 'drop', 'drop', 'drop', 'drop', 'drop'];
    await page.evaluate(() => client.refresh().catch(() => undefined));
    network.faults = [];
    app.clock.advance(20 * SECOND);
    await page.evaluate(() => client.refresh());
    expect(await orders(page)).toBe(200);
    expect(await changesOf(page)).not.toContain('ended');
  });

  test('is of no use to a thief who has only the cookie, and lives on', async () => {
    const { context, page } = await signedIn();
    const thief = await newContext();
    const from = app.events.length;
    await thief.addCookies([await stolenCookie(context)]);
    for (const options of [{}, { dpop: {} }]) {
      expect(await (await open(thief, options)).evaluate(() => client.user())).toBeNull();
    }
    // An alert that repeats is told once a minute.
    const alerts = app.events.slice(from).filter(({ alert }) => alert);
    expect(alerts).toMatchObject([{ type: 'binding_failed', reason: 'dpop' }]);
    await page.evaluate(() => client.refresh());
    expect(await orders(page)).toBe(200);
  });

  test('drops its key when the user leaves', async () => {
    const { page } = await signedIn();
    await page.evaluate(() => client.logout());
    const left = await page.evaluate(
      () =>
        new Promise<number>((resolve) => {
          const opening = indexedDB.open('nestjs-refresh-token');
          opening.onsuccess = () => {
            const counting = opening.result.transaction('keys').objectStore('keys').count();
            counting.onsuccess = () => resolve(counting.result);
          };
        }),
    );
    expect(left).toBe(0);
    await signIn(page);
    expect(await orders(page)).toBe(200);
  });

  /** A second tab that has the database open and never lets go: for others, opening it hangs. */
  async function blocking(page: Page, how: 'delete' | 'upgrade') {
    const other = await page.context().newPage();
    await other.goto(page.url());
    await other.evaluate(
      (how) =>
        new Promise<void>((resolve) => {
          const holding = indexedDB.open('nestjs-refresh-token');
          holding.onsuccess = () => {
            const waiting =
              how === 'delete'
                ? indexedDB.deleteDatabase('nestjs-refresh-token')
                : indexedDB.open('nestjs-refresh-token', holding.result.version + 1);
            waiting.onblocked = () => resolve();
          };
        }),
      how,
    );
    return other;
  }

  /** Whether a login binds the session, and how many milliseconds it takes. */
  const login = (page: Page) =>
    page.evaluate(async () => {
      let bound: boolean | undefined;
      const stop = client.onChange((change) => void (bound = change.bound));
      const from = performance.now();
      await client.login({ username: 'alice', password: 'alice-password' });
      await Promise.resolve();
      stop();
      return { bound, took: performance.now() - from };
    });

  const userOf = (page: Page) =>
    page.evaluate(() =>
      client.user().then(
        (user) => user?.id ?? null,
        (error: AuthClientError) => error.code,
      ),
    );

  test('signs in without a key while the database is blocked, and says so', async () => {
    const context = await newContext();
    const page = await open(context, { dpop: {} });
    const warnings: string[] = [];
    page.on('console', (message) => void warnings.push(message.text()));
    await blocking(page, 'delete');
    const { bound, took } = await login(page);
    expect(bound).toBe(false);
    expect(took).toBeLessThan(10_000);
    expect(warnings.filter((text) => text.includes('cannot be kept'))).toHaveLength(1);
    expect(await orders(page)).toBe(200);
    await page.reload();
    await page.waitForFunction(() => globalThis.client);
    expect(await userOf(page)).toBe('user-alice');
  });

  test('does not sign in without a key if the page requires it', async () => {
    const context = await newContext();
    const page = await open(context, { dpop: { required: true } });
    await blocking(page, 'delete');
    const from = network.answered.length;
    const code = await page.evaluate(() =>
      client.login({ username: 'alice', password: 'alice-password' }).then(
        () => 'signed in',
        (error: AuthClientError) => error.code,
      ),
    );
    expect(code).toBe('key_not_kept');
    expect(network.answered.slice(from)).not.toContain('/auth/login');
  });

  test('goes on when the database is no longer blocked', async () => {
    const { page } = await signedIn();
    // Of three tabs, one holds the database and one waits to upgrade it.
    const other = await blocking(page, 'upgrade');
    await page.reload();
    await page.waitForFunction(() => globalThis.client);
    expect(await userOf(page)).toBe('temporarily_unavailable');
    await other.close();
    await expect.poll(() => userOf(page)).toBe('user-alice');
  });

  test('ends after a reload if its key was deleted, and the next login makes a new one', async () => {
    const { page } = await signedIn();
    await deleteDatabase(page);
    await page.reload();
    await page.waitForFunction(() => globalThis.client);
    expect(await userOf(page)).toBeNull();
    expect((await login(page)).bound).toBe(true);
    expect(await orders(page)).toBe(200);
  });

  test('saves its key again if it was deleted while the page was open', async () => {
    const { page } = await signedIn();
    await deleteDatabase(page);
    await page.evaluate(() => client.refresh());
    await page.reload();
    await page.waitForFunction(() => globalThis.client);
    expect(await userOf(page)).toBe('user-alice');
    expect(await orders(page)).toBe(200);
  });

  test('has its key also in a database that somebody else has created', async () => {
    const context = await newContext();
    const page = await open(context, { dpop: {} });
    await page.evaluate(
      () =>
        new Promise<void>((resolve) => {
          const opening = indexedDB.open('nestjs-refresh-token', 3);
          opening.onsuccess = () => {
            opening.result.close();
            resolve();
          };
        }),
    );
    expect((await login(page)).bound).toBe(true);
    await page.reload();
    await page.waitForFunction(() => globalThis.client);
    expect(await userOf(page)).toBe('user-alice');
  });
});

const deleteDatabase = (page: Page) =>
  page.evaluate(
    () =>
      new Promise<void>((resolve) => {
        indexedDB.deleteDatabase('nestjs-refresh-token').onsuccess = () => resolve();
      }),
  );
