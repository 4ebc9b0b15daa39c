import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DAY, MINUTE, SECOND } from '../support/listening.js';
import { browserAvailable, chromiumContexts } from '../support/browser.js';
import { REFRESH_COOKIE } from '../support/http.js';
import { changesOf, clientHost, orders, signIn, stolenCookie } from '../support/client-host.js';

const { app, network, open, origin } = clientHost();
const newContext = chromiumContexts();

async function signedIn(): Promise<{ context: BrowserContext; page: Page }> {
  const context = await newContext();
  const page = await open(context);
  await signIn(page);
  return { context, page };
}

describe.skipIf(!browserAvailable)('the secrets of a session in a browser', () => {
  test('lie in a cookie that no script can read, and that goes to this host alone', async () => {
    const { context, page } = await signedIn();
    const cookies = await context.cookies();
    expect(cookies).toEqual([
      expect.objectContaining({
        name: REFRESH_COOKIE,
        value: expect.stringMatching(/^nrt_/) as string,
        domain: 'localhost',
        path: '/',
        httpOnly: true,
        secure: true,
        sameSite: 'Strict',
      }),
    ]);
    expect(cookies[0].expires - Date.now() / 1000).toBeGreaterThan((6 * DAY) / SECOND);
    expect(await page.evaluate(() => document.cookie)).toBe('');
  });

  test('are in none of its stores, nor in anything that the page can reach', async () => {
    const { page } = await signedIn();
    app.clock.advance(16 * MINUTE);
    await orders(page);
    const found = await page.evaluate(async () => {
      const databases = await indexedDB.databases();
      return JSON.stringify({
        local: { ...localStorage },
        session: { ...sessionStorage },
        caches: await caches.keys(),
        databases,
        name: window.name,
        url: location.href,
        history: history.state as unknown,
        client: { ...client },
        user: await client.user(),
        sessions: await client.sessions.list(),
        changes,
      });
    });
    expect(found).not.toMatch(/nrt_|eyJ/);
    expect(JSON.parse(found)).toMatchObject({ local: {}, session: {}, caches: [], databases: [] });
  });

  test('that are stolen and used too late end the session', async () => {
    const { context, page } = await signedIn();
    const stolen = await stolenCookie(context);
    await page.evaluate(() => client.refresh());
    app.clock.advance(MINUTE);
    const thief = await newContext();
    await thief.addCookies([stolen]);
    expect(await (await open(thief)).evaluate(() => client.user())).toBeNull();
    expect(app.events.at(-1)).toMatchObject({ type: 'reuse_detected', alert: true });
    expect(await orders(page)).toBe(401);
    await expect.poll(() => changesOf(page)).toContain('ended');
    expect(await context.cookies()).toEqual([]);
  });

  test('that are stolen and used first end the session when the user comes', async () => {
    const { context, page } = await signedIn();
    const thief = await newContext();
    await thief.addCookies([await stolenCookie(context)]);
    const thiefs = await open(thief);
    expect(await orders(thiefs)).toBe(200);
    app.clock.advance(MINUTE);
    await page.evaluate(() => client.refresh());
    expect(app.events.at(-1)).toMatchObject({ type: 'reuse_detected' });
    await expect.poll(() => changesOf(page)).toContain('ended');
    expect(await orders(thiefs)).toBe(401);
  });
});

describe.skipIf(!browserAvailable)('a page elsewhere', () => {
  let server: Server;
  let port: number;

  beforeAll(async () => {
    server = createServer((_, response) => {
      const action = `${origin()}/auth/`;
      response.setHeader('content-type', 'text/html').end(`<!doctype html><title>evil</title>
        <form id="refresh" method="post" action="${action}refresh" target="frame"></form>
        <form id="logout" method="post" action="${action}logout" target="frame"></form>
        <form id="login" method="post" action="${action}login" enctype="text/plain" target="frame">
          <input name='{"username":"bob","password":"bob-password","x":"' value='"}'>
        </form>
        <iframe name="frame"></iframe>`);
    });
    await new Promise<void>((resolve) => server.listen(0, resolve));
    ({ port } = server.address() as AddressInfo);
  });
  afterAll(() => server.close());

  test.each([
    ['on another site', '127.0.0.1'],
    ['on a sister of this one', 'localhost'],
  ])('%s can neither refresh, nor read, nor sign out, nor sign in', async (_, host) => {
    const { context, page } = await signedIn();
    const { sessionId } = (await page.evaluate(() => client.user()))!;
    const [{ value }] = await context.cookies();
    const evil = await context.newPage();
    await evil.goto(`http://${host}:${port}/`);
    network.refreshes = 0;
    const from = app.events.length;

    const read = await evil.evaluate(async (target) => {
      const attempts = ['refresh', 'me', 'sessions', 'logout'].flatMap((path) =>
        (['cors', 'no-cors'] as const).map(async (mode) => {
          const method = path === 'me' || path === 'sessions' ? 'GET' : 'POST';
          const response = await fetch(`${target}/auth/${path}`, { method, mode, credentials: 'include' });
          return response.text();
        }),
      );
      const results = await Promise.allSettled(attempts);
      return results.map((result) => (result.status === 'fulfilled' ? result.value : ''));
    }, origin());
    expect(read.join('')).toBe('');
    for (const form of ['refresh', 'logout', 'login']) {
      network.answered = [];
      await evil.evaluate((id) => document.querySelector<HTMLFormElement>(`#${id}`)!.submit(), form);
      await expect.poll(() => network.answered).toContain(`/auth/${form}`);
    }

    expect(network.refreshes).toBeGreaterThan(0);
    expect(app.events.slice(from).filter(({ type }) => type !== 'refresh_denied')).toEqual([]);
    expect((await context.cookies()).map((cookie) => cookie.value)).toEqual([value]);
    expect(await page.evaluate(async () => (await client.user())?.sessionId)).toBe(sessionId);
    expect(await orders(page)).toBe(200);
  });
});
