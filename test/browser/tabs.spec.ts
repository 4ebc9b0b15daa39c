import { describe, expect, test } from 'vitest';
import { MINUTE, SECOND } from '../support/listening.js';
import { browserAvailable, chromiumContexts } from '../support/browser.js';
import { changesOf, clientHost, expectSignedOut, orders, signIn } from '../support/client-host.js';

describe.skipIf(!browserAvailable)('the tabs of one browser', () => {
  const { app, network, open } = clientHost();
  const newContext = chromiumContexts();
  const expire = () => app.clock.advance(16 * MINUTE);

  async function tabs(count: number, { sleepy = false, prepare = () => {} } = {}) {
    const context = await newContext();
    await context.addInitScript(prepare);
    if (sleepy) await context.clock.install();
    const pages = await Promise.all(Array.from({ length: count }, () => open(context)));
    await signIn(pages[0]);
    // Tabs that are open hear of it, without a request to the server.
    for (const page of pages) {
      await expect.poll(() => page.evaluate(async () => (await client.user())?.id)).toBe('user-alice');
    }
    network.refreshes = 0;
    return { context, pages };
  }

  test('wake up together, and one of them refreshes for all', async () => {
    const { context, pages } = await tabs(5, { sleepy: true });
    expire();
    network.faults = ['hold'];
    await context.clock.fastForward('20:00');
    await expect.poll(() => network.refreshes).toBe(1);
    network.release();
    for (const page of pages) await expect.poll(() => changesOf(page)).toContain('refreshed');
    expect(await Promise.all(pages.map(orders))).toEqual([200, 200, 200, 200, 200]);
    expect(network.refreshes).toBe(1);
  });

  test('are refused together, and one of them refreshes for all', async () => {
    const { pages } = await tabs(5);
    expire();
    network.faults = ['hold'];
    const statuses = pages.map(orders);
    await expect.poll(() => network.refreshes).toBe(1);
    network.release();
    expect(await Promise.all(statuses)).toEqual([200, 200, 200, 200, 200]);
    expect(network.refreshes).toBe(1);
  });

  test('go on when the one that refreshes is closed in the middle of it', async () => {
    const { pages } = await tabs(3);
    const [killed, ...others] = pages;
    expire();
    network.faults = ['hold'];
    const lost = orders(killed).catch(() => undefined);
    await expect.poll(() => network.refreshes).toBe(1);
    const statuses = others.map(orders);
    await killed.close();
    expect(await Promise.all(statuses)).toEqual([200, 200]);
    // The one that went on had the old token, and was given the same new one.
    expect(app.events.slice(-2).map(({ type }) => type)).toEqual(['refreshed', 'refresh_repeated']);
    expect(network.refreshes).toBe(2);
    network.release();
    await lost;
  });

  test('take the lock from one that is frozen', async () => {
    const { context, pages } = await tabs(1);
    const [page] = pages;
    const frozen = await open(context, { timeout: 30_000 });
    await frozen.evaluate(() => client.user());
    await frozen.evaluate(() => (BroadcastChannel.prototype.postMessage = () => {}));
    expire();
    network.faults = ['hold'];
    void orders(frozen).catch(() => undefined);
    await expect.poll(() => network.refreshes).toBeGreaterThanOrEqual(1);
    network.refreshes = 1;
    expect(await orders(page)).toBe(200);
    expect(network.refreshes).toBe(2);
    expect(await changesOf(page)).not.toContain('ended');
    network.release();
  });

  test('are signed out together, and the browser has forgotten the cookie', async () => {
    const { context, pages } = await tabs(3);
    await pages[1].evaluate(() => client.logout());
    await expectSignedOut(pages);
    expect(await context.cookies()).toEqual([]);
    expect(network.refreshes).toBe(0);
  });

  test('go over to the user who signs in', async () => {
    const { pages } = await tabs(2);
    const [one, two] = pages;
    await two.evaluate(() => client.login({ username: 'bob', password: 'bob-password' }));
    await expect.poll(() => one.evaluate(async () => (await client.user())?.id)).toBe('user-bob');
    expect(network.refreshes).toBe(0);
  });

  test('stay with the user who signs in, although the refresh of an earlier session is answered later', async () => {
    const { pages } = await tabs(2);
    const [one, two] = pages;
    network.faults = ['hold', 'hold'];
    const late = one.evaluate(() => client.refresh());
    await expect.poll(() => network.refreshes).toBe(1);
    await two.evaluate(() => client.login({ username: 'bob', password: 'bob-password' }));
    await expect.poll(() => one.evaluate(async () => (await client.user())?.id)).toBe('user-bob');
    network.release();
    await late;
    await expect.poll(() => network.answered).toContain('/auth/refresh');
    await two.reload();
    await two.waitForFunction(() => globalThis.client);
    await one.close();
    await two.evaluate(() => client.refresh());
    expect(await two.evaluate(async () => (await client.user())?.id)).toBe('user-bob');
  });

  describe.each([
    { that: 'hear of each other at once', late: () => {} },
    {
      that: 'hear late of what another has stored',
      late: () => void Object.defineProperty(globalThis, 'localStorage', { value: {} }),
    },
    {
      that: 'hear late of everything',
      late: () => {
        Object.defineProperty(globalThis, 'localStorage', { value: {} });
        const post = BroadcastChannel.prototype.postMessage;
        BroadcastChannel.prototype.postMessage = function (message: { type: string }) {
          setTimeout(() => post.call(this, message), message.type === 'signed_in' ? 2_000 : 0);
        };
      },
    },
  ])('that $that', ({ late }) => {
    test('leave the session alone that another has just begun, though they were about to end the one before', async () => {
      const { pages } = await tabs(2, { prepare: late });
      const [one, two] = pages;
      let go = () => {};
      const held = new Promise<void>((resolve) => (go = resolve));
      let logins = 0;
      await two.route('**/auth/login', async (route) => {
        logins++;
        await held;
        await route.continue();
      });
      const signingIn = two.evaluate(() => client.login({ username: 'bob', password: 'bob-password' }));
      await expect.poll(() => logins).toBe(1);
      const leaving = one.evaluate(() => client.logout());
      await expect.poll(() => changesOf(two)).toContain('signed_out');
      go();
      await Promise.all([signingIn, leaving]);
      for (const page of pages) {
        await expect.poll(() => page.evaluate(async () => (await client.user())?.id)).toBe('user-bob');
        expect(await orders(page)).toBe(200);
      }
      expire();
      expect(await orders(two)).toBe(200);
    });
  });

  test('lose the session together when the server ends it', async () => {
    const { pages } = await tabs(2);
    await app.service.revokeAllOfUser('user-alice', 'ended_by_admin');
    expect(await orders(pages[0])).toBe(401);
    for (const page of pages) await expect.poll(() => changesOf(page)).toContain('ended');
    expect(network.refreshes).toBe(1);
  });

  test('that are opened later find the session; reloading keeps it', async () => {
    const { context, pages } = await tabs(1);
    await pages[0].reload();
    await pages[0].waitForFunction(() => globalThis.client);
    expect(await orders(pages[0])).toBe(200);
    app.clock.advance(20 * SECOND);
    const later = await open(context);
    expect(await orders(later)).toBe(200);
    expect(await changesOf(later)).toEqual(['restored']);
  });
});
