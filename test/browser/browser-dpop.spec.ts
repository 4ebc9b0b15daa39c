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
});
