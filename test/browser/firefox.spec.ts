import { describe, expect, test } from 'vitest';
import { MINUTE } from '../support/listening.js';
import { changesOf, clientHost, expectSignedOut, orders, signIn, type Tab } from '../support/client-host.js';
import { firefoxAvailable, firefoxContexts } from '../support/firefox.js';

const userOf = (page: Tab) => page.evaluate(async () => (await client.user())?.id);

describe.skipIf(!firefoxAvailable)('Firefox', () => {
  const { app, network, open } = clientHost();
  const newContext = firefoxContexts();
  const expire = () => app.clock.advance(16 * MINUTE);

  async function tabs(count: number) {
    const context = await newContext();
    const pages = [];
    for (let opened = 0; opened < count; opened++) pages.push(await open(context));
    await signIn(pages[0]);
    for (const page of pages) await expect.poll(() => userOf(page)).toBe('user-alice');
    network.refreshes = 0;
    return { context, pages };
  }

  test('signs in, refreshes, and finds the session again after a reload', async () => {
    const { context, pages } = await tabs(1);
    const [page] = pages;
    expire();
    expect(await orders(page)).toBe(200);
    expect(await changesOf(page)).toEqual(['signed_in', 'refreshed']);
    await page.reload();
    await page.waitForFunction(() => globalThis.client);
    expect(await userOf(page)).toBe('user-alice');
    expect(await changesOf(page)).toEqual(['restored']);
    expect((await context.cookies()).map(({ httpOnly, sameSite }) => ({ httpOnly, sameSite }))).toEqual([
      { httpOnly: true, sameSite: 'Strict' },
    ]);
  });

  test('has several tabs, and one of them refreshes for all', async () => {
    const { pages } = await tabs(4);
    expire();
    network.faults = ['hold'];
    const statuses = pages.map(orders);
    await expect.poll(() => network.refreshes).toBe(1);
    network.release();
    expect(await Promise.all(statuses)).toEqual([200, 200, 200, 200]);
    expect(network.refreshes).toBe(1);
  });

  test('goes on in the other tabs when the one that refreshes is closed', async () => {
    const { pages } = await tabs(3);
    const [killed, ...others] = pages;
    expire();
    network.faults = ['hold'];
    const lost = orders(killed).catch(() => undefined);
    await expect.poll(() => network.refreshes).toBe(1);
    const statuses = others.map(orders);
    await killed.close();
    expect(await Promise.all(statuses)).toEqual([200, 200]);
    network.release();
    await lost;
  });

  test('signs out in all tabs, and forgets the cookie', async () => {
    const { context, pages } = await tabs(3);
    await pages[1].evaluate(() => client.logout());
    await expectSignedOut(pages);
    expect(await context.cookies()).toEqual([]);
    expect(network.refreshes).toBe(0);
  });

  test('keeps the session after a crash of the network in the middle of a refresh', async () => {
    const { pages } = await tabs(1);
    expire();
    network.faults = ['drop', 'cut'];
    expect(await orders(pages[0])).toBe(200);
    expect(await changesOf(pages[0])).not.toContain('ended');
  });
});

describe.skipIf(!firefoxAvailable)('Firefox in a private window', () => {
  const { app, network, open } = clientHost();
  const newContext = firefoxContexts({ 'browser.privatebrowsing.autostart': true });

  test('works as always', async () => {
    const context = await newContext();
    const one = await open(context);
    const two = await open(context);
    await signIn(one);
    await expect.poll(() => userOf(two)).toBe('user-alice');
    app.clock.advance(16 * MINUTE);
    network.refreshes = 0;
    expect(await Promise.all([orders(one), orders(two)])).toEqual([200, 200]);
    expect(network.refreshes).toBe(1);
  });
});

describe.skipIf(!firefoxAvailable)('Firefox that blocks all cookies', () => {
  const { app, open } = clientHost();
  const newContext = firefoxContexts({ 'network.cookie.cookieBehavior': 2 });

  test('forbids what the client would use', async () => {
    const page = await open(await newContext());
    const forbidden = await page.evaluate(() => {
      const isForbidden = (use: () => unknown) => {
        try {
          use();
          return false;
        } catch {
          return true;
        }
      };
      const uses = [() => new BroadcastChannel('x'), () => localStorage.length, () => indexedDB.open('x')];
      return uses.map(isForbidden);
    });
    expect(forbidden).toEqual([true, true, true]);
  });

  test('still signs in, for as long as the access token lives', async () => {
    const page = await open(await newContext());
    expect(await userOf(page)).toBeUndefined();
    await signIn(page);
    expect(await userOf(page)).toBe('user-alice');
    expect(await orders(page)).toBe(200);
    await page.evaluate(() => client.logout().catch(() => undefined));
    expect(await page.evaluate(() => client.user())).toBeNull();
  });

  test('is told so when the session cannot be renewed', async () => {
    const page = await open(await newContext());
    await signIn(page);
    app.clock.advance(16 * MINUTE);
    const code = await page.evaluate(() =>
      client.refresh().then(
        () => 'refreshed',
        (error: { code: string }) => error.code,
      ),
    );
    expect(code).toBe('cookie_not_kept');
  });

  test('wrong passwords are said to be wrong', async () => {
    const page = await open(await newContext());
    const code = await page.evaluate(() =>
      client.login({ username: 'alice', password: 'wrong' }).catch((error: { code: string }) => error.code),
    );
    expect(code).toBe('invalid_credentials');
  });
});
