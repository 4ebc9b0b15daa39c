import type { BrowserContext, Page } from 'playwright-core';
import { createElement } from 'react';
import { renderToString } from 'react-dom/server';
import { createAuthClient } from 'nestjs-refresh-token/client';
import { describe, expect, onTestFinished, test } from 'vitest';
import { browserAvailable, chromiumContexts } from '../support/browser.js';
import { changesOf, orders, signIn } from '../support/client-host.js';
import { MINUTE } from '../support/listening.js';
import { bundled, reactHost } from '../support/react-host.js';
import { App, Greeting } from './react-app.js';

/** The client of a module on a server: one for all visitors, and nobody is signed in. */
const onServer = createAuthClient();
let stranger = 'stranger';
const rendered = () =>
  renderToString(createElement(App, { client: onServer, late: Greeting })).replace('stranger', stranger);

const text = (page: Page, id: string) => page.locator(`#${id}`).textContent();

describe.skipIf(!browserAvailable)('the client in React', () => {
  let bundle: Promise<string> | undefined;
  const { app, network, origin } = reactHost(() => (bundle ??= bundled()), rendered);
  const newContext = chromiumContexts();

  async function open(context: BrowserContext, query = ''): Promise<{ page: Page; complaints: string[] }> {
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      // The browser itself reports each answer that is a refusal.
      const isRefusal = message.text().startsWith('Failed to load resource');
      if (['error', 'warning'].includes(message.type()) && !isRefusal) complaints.push(message.text());
    });
    await page.goto(`${origin()}/react?${query}`);
    await page.waitForFunction(() => globalThis.react);
    return { page, complaints };
  }

  const shows = (page: Page, id: string, expected: string) => expect.poll(() => text(page, id)).toBe(expected);

  async function signedInPage(query = '') {
    const context = await newContext();
    const { page, complaints } = await open(context, query);
    await shows(page, 'status', 'signed_out');
    await signIn(page);
    await shows(page, 'user', 'user-alice');
    network.refreshes = 0;
    return { context, page, complaints };
  }

  test('renders another tab again when the user signs in and out in one', async () => {
    const { context, page, complaints } = await signedInPage();
    const { page: other } = await open(context);
    await shows(other, 'user', 'user-alice');
    await page.evaluate(() => client.logout());
    for (const tab of [page, other]) {
      await shows(tab, 'status', 'signed_out');
      expect(await text(tab, 'user')).toBe('-');
    }
    await signIn(other);
    for (const tab of [page, other]) await shows(tab, 'user', 'user-alice');
    expect(complaints).toEqual([]);
  });

  test('signs out at once, although the server does not answer', async () => {
    const { page } = await signedInPage();
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    onTestFinished(() => release());
    await page.route('**/auth/logout', async (route) => {
      await held;
      await route.continue();
    });
    await page.evaluate(() => void client.logout());
    await shows(page, 'status', 'signed_out');
    expect(await text(page, 'user')).toBe('-');
  });

  test('shows the user only while their session is that of the page', async () => {
    const { context, page } = await signedInPage();
    const { page: other } = await open(context);
    await shows(other, 'user', 'user-alice');
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    onTestFinished(() => release());
    await page.route('**/auth/me', async (route) => {
      await held;
      await route.continue();
    });
    await page.evaluate(() => react.shown.splice(0));
    await other.evaluate(() => client.login({ username: 'bob', password: 'bob-password' }));
    await shows(page, 'user', '-');
    expect(await text(page, 'status')).toBe('signed_in');
    release();
    await shows(page, 'user', 'user-bob');
    expect(await page.evaluate(() => react.shown.filter((one) => one.includes('alice')))).toEqual([]);
  });

  test('shows that the server has ended the session', async () => {
    const { page } = await signedInPage();
    await app.service.revokeAllOfUser('user-alice', 'ended_by_admin');
    expect(await orders(page)).toBe(401);
    await shows(page, 'status', 'signed_out');
    expect(await text(page, 'user')).toBe('-');
    expect(await changesOf(page)).toContain('ended');
  });

  test('shows the error of a refresh until one has succeeded, and that one is under way', async () => {
    const { page, complaints } = await signedInPage();
    await page.route('**/auth/refresh', (route) => route.fulfill({ status: 503, headers: { 'retry-after': '60' } }));
    await page.evaluate(() => client.refresh().catch(() => undefined));
    expect(await text(page, 'error')).toBe('temporarily_unavailable');
    expect(await text(page, 'user')).toBe('user-alice');
    await page.unroute('**/auth/refresh');
    network.faults = ['hold'];
    await page.reload();
    await shows(page, 'activity', 'refreshing');
    await expect.poll(() => network.refreshes).toBe(1);
    network.release();
    await shows(page, 'user', 'user-alice');
    expect(await text(page, 'error')).toBe('-');
    expect(await text(page, 'activity')).toBe('idle');
    expect(complaints).toEqual([]);
  });

  test('shows that the user must authenticate again, and goes on when they have', async () => {
    const { page } = await signedInPage();
    await page.evaluate(async () => {
      for (let count = 0; count < 4; count++) await client.refresh().catch(() => undefined);
    });
    await shows(page, 'error', 'step_up_required');
    expect(await text(page, 'status')).toBe('signed_in');
    await page.evaluate(() => client.stepUp({ password: 'alice-password' }));
    await shows(page, 'error', '-');
    expect(await text(page, 'user')).toBe('user-alice');
  });

  test('loads the user again after a refresh, because permissions may have changed', async () => {
    const { page } = await signedInPage();
    const before = network.answered.filter((path) => path === '/auth/me').length;
    await page.evaluate(() => client.refresh());
    await expect.poll(() => network.answered.filter((path) => path === '/auth/me').length).toBe(before + 1);
  });

  test('asks for the user again when the server could not say', async () => {
    const context = await newContext();
    await context.clock.install();
    const { page } = await open(context);
    await shows(page, 'status', 'signed_out');
    let asked = 0;
    await page.route('**/auth/me', (route) => (asked++ ? route.continue() : route.fulfill({ status: 503 })));
    await signIn(page);
    await expect.poll(() => asked).toBe(1);
    await shows(page, 'status', 'signed_in');
    expect(await text(page, 'user')).toBe('-');
    await context.clock.fastForward('00:11');
    await shows(page, 'user', 'user-alice');
  });

  test('does not tear: in every commit all parts of a page show the same state', async () => {
    const { page } = await signedInPage();
    // The state changes while React has rendered some of the readers.
    await page.evaluate(async () => {
      react.showReaders(true);
      await new Promise((resolve) => setTimeout(resolve, 60));
      void client.logout();
    });
    await expect.poll(() => page.locator('i').count()).toBe(30);
    await expect.poll(() => page.evaluate(() => react.states.flat())).toContain('signed_out');
    for (const states of await page.evaluate(() => react.states)) expect(states).toHaveLength(1);
  });

  test('leaves no listener when it is unmounted, and no closed client', async () => {
    const { page } = await signedInPage();
    // Two components read it, the account and the greeting, and each keeps the user loaded.
    expect(await page.evaluate(() => react.listeners)).toEqual({ ofState: 4, ofChanges: 2 });
    await page.evaluate(() => react.unmount());
    expect(await page.evaluate(() => react.listeners)).toEqual({ ofState: 0, ofChanges: 0 });
    app.clock.advance(16 * MINUTE);
    expect(await orders(page)).toBe(200);
    await page.evaluate(() => react.mount());
    await shows(page, 'user', 'user-alice');
  });

  test('mounts twice in the strict mode, with one refresh and no second listener', async () => {
    const { page, complaints } = await signedInPage();
    await page.goto(`${origin()}/react?strict`);
    await shows(page, 'user', 'user-alice');
    expect(network.refreshes).toBe(1);
    expect(await page.evaluate(() => react.listeners)).toEqual({ ofState: 4, ofChanges: 2 });
    app.clock.advance(16 * MINUTE);
    expect(await orders(page)).toBe(200);
    await page.evaluate(() => react.unmount());
    expect(await page.evaluate(() => react.listeners)).toEqual({ ofState: 0, ofChanges: 0 });
    expect(complaints).toEqual([]);
  });

  describe('on a page that a server has rendered', () => {
    test('continues without a mismatch, and then shows the user', async () => {
      const { context } = await signedInPage();
      const { page, complaints } = await open(context, 'rendered&idle&late');
      expect(await text(page, 'status')).toBe('unknown');
      // The client has restored the session before React begins.
      await page.evaluate(() => client.user());
      await page.evaluate(() => react.mount());
      await shows(page, 'user', 'user-alice');
      expect(await page.locator('section').textContent()).toBe('Hello stranger');
      await page.evaluate(() => react.arrive());
      await expect.poll(() => page.locator('section').textContent()).toBe('Hello user-alice');
      expect(await page.evaluate(() => react.shown[0])).toBe('unknown -');
      expect(complaints).toEqual([]);
      // The other tab had the token.
      expect(network.refreshes).toBe(0);
    });

    test('would be told of a mismatch', async () => {
      stranger = 'Alice';
      onTestFinished(() => void (stranger = 'stranger'));
      const { complaints } = await open(await newContext(), 'rendered&late');
      await expect.poll(() => complaints.join()).toContain('stranger');
    });
  });
});
