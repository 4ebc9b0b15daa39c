import type { Page, Route } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { browserAvailable, chromiumContexts } from '../support/browser.js';
import { changesOf, clientHost, orders, signIn } from '../support/client-host.js';

const userOf = (page: Page) => page.evaluate(async () => (await client.user())?.id);
const BOB = { username: 'bob', password: 'bob-password', transport: 'cookie' };

/** A sign-in that no client hears of: a form of the server, a redirect from a social login. */
const signInBehind = (page: Page) =>
  page.evaluate(async (body) => {
    const headers = { 'content-type': 'application/json' };
    return (await fetch('/auth/login', { method: 'POST', headers, body: JSON.stringify(body) })).status;
  }, BOB);

const refuse = (route: Route) => route.fulfill({ status: 403, body: 'Forbidden' });

describe.skipIf(!browserAvailable)('a page whose cookie is replaced', () => {
  const { network, open, origin } = clientHost();
  const newContext = chromiumContexts();

  test('by another sign-in: at its next refresh it is signed in as the new user, and says so', async () => {
    const page = await open(await newContext());
    await signIn(page);
    expect(await userOf(page)).toBe('user-alice');
    expect(await signInBehind(page)).toBe(200);
    const shown = await page.evaluate(async () => {
      await client.refresh();
      const { status, user } = client.state;
      return { status, user };
    });
    // Until the new user is known, nobody is shown.
    expect(shown).toEqual({ status: 'signed_in', user: null });
    expect(await userOf(page)).toBe('user-bob');
    expect(await changesOf(page)).toEqual(['signed_in', 'signed_in']);
  });

  test('by nobody does not come back, after a sign-out that the server has refused', async () => {
    const page = await open(await newContext());
    await signIn(page);
    await page.route('**/auth/logout', refuse);
    expect(await page.evaluate(() => client.logout().catch((error: { code: string }) => error.code))).toBe(
      'temporarily_unavailable',
    );
    await page.reload();
    await page.waitForFunction(() => 'client' in globalThis);
    expect(await page.evaluate(() => client.state.status)).toBe('signed_out');
    await page.unroute('**/auth/logout', refuse);
    expect(await page.evaluate(() => client.adopt())).toBe(false);
    expect(await signInBehind(page)).toBe(200);
    expect(await page.evaluate(() => client.adopt())).toBe(true);
  });

  test('by another sign-in goes on, although the sign-out of the former one comes late', async () => {
    const page = await open(await newContext());
    await signIn(page);
    await page.route('**/auth/logout', refuse);
    await page.evaluate(() => client.logout().catch(() => undefined));
    await page.unroute('**/auth/logout', refuse);
    expect(await signInBehind(page)).toBe(200);
    expect(await page.evaluate(() => client.adopt())).toBe(true);
    expect(await page.evaluate(() => client.state.status)).toBe('signed_in');
  });

  test('and adopts the session that was begun elsewhere', async () => {
    const page = await open(await newContext());
    expect(await page.evaluate(() => client.adopt())).toBe(false);
    expect(await signInBehind(page)).toBe(200);
    expect(await page.evaluate(() => client.adopt())).toBe(true);
    expect(await userOf(page)).toBe('user-bob');
    expect(await changesOf(page)).toEqual(['signed_out', 'signed_in']);
    expect(await orders(page)).toBe(200);
  });

  test('and comes out of the back/forward cache: it asks before it shows a user', async () => {
    const page = await open(await newContext());
    await signIn(page);
    expect(await userOf(page)).toBe('user-alice');
    expect(await signInBehind(page)).toBe(200);
    network.refreshes = 0;
    // Chromium keeps no page that is driven from outside, so the event is made by hand.
    const states = await page.evaluate(async () => {
      const seen: unknown[] = [];
      client.subscribe(() => void seen.push({ ...client.state, error: null }));
      dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }));
      const now = client.state.status;
      const user = await client.user();
      return { now, user: user?.id, seen: seen.map((state) => (state as { user: { id: string } | null }).user?.id) };
    });
    expect(states.now).toBe('unknown');
    expect(states.user).toBe('user-bob');
    expect(states.seen).not.toContain('user-alice');
    expect(network.refreshes).toBe(1);
    expect(await changesOf(page)).toEqual(['signed_in', 'signed_in']);
  });

  test('in another tab, which it did not hear: it takes over the new session at its next use', async () => {
    const context = await newContext();
    const page = await open(context);
    await signIn(page);
    expect(await userOf(page)).toBe('user-alice');
    const deaf = await open(context);
    await deaf.evaluate(() => {
      BroadcastChannel.prototype.postMessage = () => {};
    });
    await deaf.evaluate(() => client.login({ username: 'bob', password: 'bob-password' }));
    expect(await userOf(page)).toBe('user-bob');
    expect(await changesOf(page)).toEqual(['signed_in', 'signed_in']);
    await deaf.evaluate(() => client.logout());
    expect(await userOf(page)).toBeUndefined();
    expect(await changesOf(page)).toEqual(['signed_in', 'signed_in', 'signed_out']);
  });

  test('by nothing, because the browser does not keep it: the first refresh says what to do', async () => {
    const context = await newContext();
    const page = await context.newPage();
    const warnings: string[] = [];
    page.on('console', (message) => void (message.type() === 'warning' && warnings.push(message.text())));
    // As on a page at localhost whose server is at 127.0.0.1: the cookie does not come back.
    await page.route('**/auth/login', async (route) => {
      const response = await route.fetch();
      const headers = Object.fromEntries(Object.entries(response.headers()).filter(([name]) => name !== 'set-cookie'));
      await context.clearCookies();
      await route.fulfill({ response, headers });
      await context.clearCookies();
    });
    await page.goto(`${origin()}/`);
    await page.waitForFunction(() => globalThis.client);
    await signIn(page);
    const refusal = await page.evaluate(() =>
      client.refresh().catch(({ code, status }) => ({ code, status }) as object),
    );
    expect(refusal).toMatchObject({ code: 'cookie_not_kept', status: 400 });
    expect(warnings).toEqual([
      expect.stringMatching(/did not keep the cookie.*localhost is not 127\.0\.0\.1/) as string,
    ]);
    const { status, code } = await page.evaluate(() => {
      const { status, error } = client.state;
      return { status, code: error?.code };
    });
    expect({ status, code }).toEqual({ status: 'signed_out', code: 'cookie_not_kept' });
    expect(await changesOf(page)).toEqual(['signed_in', 'ended']);
  });
});
