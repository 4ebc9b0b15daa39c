import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { MINUTE } from '../support/listening.js';
import { browserAvailable, chromiumContexts } from '../support/browser.js';
import { clientHost, signIn } from '../support/client-host.js';

describe.skipIf(!browserAvailable)('a request, while a different user signs in from another tab', () => {
  const { app, network, open } = clientHost();
  const newContext = chromiumContexts();

  async function twoTabs() {
    const context = await newContext();
    await context.clock.install();
    const [one, other] = [await open(context), await open(context)];
    await signIn(one);
    await expect.poll(() => userOf(other)).toBe('user-alice');
    network.answered = [];
    return { context, one, other };
  }

  const userOf = (page: Page) => page.evaluate(async () => (await client.user())?.id);
  const signInAsBob = (page: Page) => page.evaluate(() => client.login({ username: 'bob', password: 'bob-password' }));
  const placing = (page: Page) =>
    page.evaluate(() =>
      client.fetch('/orders', { method: 'POST', body: 'a=1' }).then(
        ({ status }) => status,
        ({ code }: { code: string }) => code,
      ),
    );
  const orders = () => network.answered.filter((path) => path === '/orders').length;

  test('is not repeated as that user', async () => {
    const { one, other } = await twoTabs();
    let release = () => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    await one.route('**/orders', async (route) => {
      const response = await route.fetch();
      await released;
      await route.fulfill({ response });
    });
    app.clock.advance(16 * MINUTE);
    const placed = placing(one);
    await expect.poll(orders).toBe(1);
    await signInAsBob(other);
    await expect.poll(() => userOf(one)).toBe('user-bob');
    release();
    expect(await placed).toBe(401);
    expect(orders()).toBe(1);
  });

  test('is not sent as that user', async () => {
    const { context, one, other } = await twoTabs();
    // No attempt is answered, so the other tab takes the lock from this one.
    network.faults = ['hold', 'hold', 'hold', 'hold'];
    network.refreshes = 0;
    await context.clock.setSystemTime(Date.now() + 20 * MINUTE);
    const placed = placing(one);
    await expect.poll(() => network.refreshes).toBe(1);
    await signInAsBob(other);
    expect(await placed).toBe('session_changed');
    network.release();
    expect(orders()).toBe(0);
    expect(await userOf(one)).toBe('user-bob');
  });
});
