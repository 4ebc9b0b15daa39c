import { describe, expect, test } from 'vitest';
import { MINUTE } from '../support/listening.js';
import { browserAvailable, chromiumContexts } from '../support/browser.js';
import { changesOf, clientHost, orders, signIn } from '../support/client-host.js';

describe.skipIf(!browserAvailable)('in a browser, a session', () => {
  const { app, network, open } = clientHost();
  const newContext = chromiumContexts();
  const expire = () => app.clock.advance(16 * MINUTE);

  async function signedIn({ sleepy = false } = {}) {
    const context = await newContext();
    if (sleepy) await context.clock.install();
    const page = await open(context);
    await signIn(page);
    network.refreshes = 0;
    return { context, page };
  }

  test.each(['drop', 'cut'] as const)('survives a network that %ss the answer to a refresh', async (fault) => {
    const { page } = await signedIn();
    expire();
    network.faults = [fault];
    const from = app.events.length;
    expect(await orders(page)).toBe(200);
    expect(app.events.slice(from).map(({ type }) => type)).toEqual(['refreshed', 'refresh_repeated']);
    expire();
    expect(await orders(page)).toBe(200);
    expect(await changesOf(page)).toEqual(['signed_in', 'refreshed', 'refreshed']);
  });

  test('survives being offline', async () => {
    const { context, page } = await signedIn();
    expire();
    await page.evaluate(() => client.refresh().catch(() => undefined));
    await context.setOffline(true);
    expect(await page.evaluate(() => client.refresh().catch((error: { code: string }) => error.code))).toBe(
      'temporarily_unavailable',
    );
    expect(await changesOf(page)).not.toContain('ended');
    await context.setOffline(false);
    expire();
    expect(await orders(page)).toBe(200);
  });

  test('survives sleep: the token is renewed as the machine wakes up', async () => {
    const { context, page } = await signedIn({ sleepy: true });
    app.clock.advance(5 * 60 * MINUTE);
    await context.clock.fastForward('05:00:00');
    await expect.poll(() => network.refreshes).toBe(1);
    await expect.poll(() => changesOf(page)).toEqual(['signed_in', 'refreshed']);
    expect(await orders(page)).toBe(200);
    expect(network.refreshes).toBe(1);
  });

  test('is renewed before its token expires', async () => {
    const { context, page } = await signedIn({ sleepy: true });
    await context.clock.fastForward('10:00');
    expect(await orders(page)).toBe(200);
    expect(network.refreshes).toBe(0);
    await context.clock.fastForward('03:00');
    await expect.poll(() => network.refreshes).toBe(1);
  });

  test('that is left while a refresh is under way stays left, though the page is closed at once', async () => {
    const { context, page } = await signedIn();
    network.faults = ['hold'];
    await page.evaluate(() => void client.refresh().catch(() => undefined));
    await expect.poll(() => network.refreshes).toBe(1);
    await page.evaluate(() => void client.logout().catch(() => undefined));
    await page.close();
    network.release();
    const later = await open(context);
    expect(await later.evaluate(() => client.user())).toBeNull();
    expect(app.events.at(-1)).toMatchObject({ type: 'revoked', reason: 'logout' });
    expect(await context.cookies()).toEqual([]);
  });

  test('that is left without a network is left for good, once there is one', async () => {
    const { context, page } = await signedIn();
    await context.setOffline(true);
    expect(await page.evaluate(() => client.logout().catch((error: { code: string }) => error.code))).toBe(
      'temporarily_unavailable',
    );
    expect(await page.evaluate(() => client.user())).toBeNull();
    // The cookie is out of the reach of script.
    expect(await context.cookies()).toHaveLength(1);
    await context.setOffline(false);
    await page.close();
    const later = await open(context);
    expect(await later.evaluate(() => client.user())).toBeNull();
    expect(await context.cookies()).toEqual([]);
    expect(app.events.at(-1)).toMatchObject({ type: 'revoked', reason: 'logout' });
  });
});
