import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { browserAvailable } from '../support/browser.js';
import { demoPage, rolesOn } from '../support/demo-page.js';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

describe.skipIf(!browserAvailable)('the page of the demo', () => {
  const { url, errors, visit, signedIn } = demoPage();

  test('shows who is signed in, where, and for how long, without one error in the console', async () => {
    const page = await signedIn();
    await expect.poll(() => page.locator('#device-list').innerText()).toContain('this device');
    expect(await page.locator('#left').innerText()).toMatch(/^1[45]:\d\d$/);
    await page.getByRole('button', { name: 'Renew now' }).click();
    await expect.poll(() => page.locator('#renewals').innerText()).toBe('renewed once');
    await expect.poll(() => page.locator('#events').innerText()).toContain('succeeded by a new one');
    await page.reload();
    await expect.poll(() => rolesOn(page)).toBe('user');
    await page.getByRole('button', { name: 'Sign out', exact: true }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    expect(errors).toEqual([]);
  });

  test('can be used by keyboard alone', async () => {
    const page = await visit();
    await page.getByLabel('Username').focus();
    await page.keyboard.type('bob');
    await page.keyboard.press('Tab');
    await page.keyboard.type('bob-password');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Renew now' }).focus();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    expect(errors).toEqual([]);
  });

  test('says why a session waits, and goes on by itself', async () => {
    const page = await signedIn();
    await page.context().route('**/auth/refresh', (route) => route.fulfill({ status: 503, json: {} }));
    await page.reload();
    await page.getByRole('heading', { name: 'Your session waits' }).waitFor();
    await page.getByText('The server cannot answer right now.').waitFor();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await page.context().unroute('**/auth/refresh');
    await page.getByRole('heading', { name: 'Who am I' }).waitFor();
    await expect.poll(() => page.locator('#waiting').isHidden()).toBe(true);

    const refusal = { error: 'region_not_allowed', error_description: 'Not here.' };
    await page.context().route('**/auth/refresh', (route) => route.fulfill({ status: 403, json: refusal }));
    await page.reload();
    await page.getByText('cannot use your session from this place').waitFor();
    await page.context().unroute('**/auth/refresh');
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByRole('heading', { name: 'Who am I' }).waitFor();
  });

  test('tells no story to a page that nobody sees, and goes on when it is seen again', async () => {
    const page = await signedIn();
    const see = (visible: boolean) =>
      page.evaluate((hidden) => {
        Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
      }, !visible);
    const ended = page.waitForEvent('requestfailed', (request) => request.url().endsWith('/story'));
    await see(false);
    await ended;
    const begun = page.waitForRequest((request) => request.url().endsWith('/story'));
    await see(true);
    await begun;
    await page.getByRole('button', { name: 'Renew now' }).click();
    await expect.poll(() => page.locator('#events').innerText()).toContain('succeeded by a new one');
  });

  test('tells the story in more windows than a browser has connections, and goes on when the first is closed', async () => {
    const first = await signedIn();
    const context = first.context();
    let [asked, begun] = [0, 0];
    const isStory = (message: { url(): string }) => Number(message.url().endsWith('/story'));
    context.on('request', (request) => (asked += isStory(request)));
    context.on('response', (response) => (begun += isStory(response)));
    const windows = [first];
    while (windows.length < 7) {
      const page = await context.newPage();
      await page.goto(url());
      await page.getByRole('heading', { name: 'Who am I' }).waitFor();
      windows.push(page);
    }
    const told = (page: Page) => page.locator('#events li', { hasText: 'succeeded by a new one' }).count();
    // On a busy machine a window refreshes when it opens, and those that open later are not told of it.
    const before = new Map<Page, number>();
    const startCounting = async () => {
      for (const page of windows) before.set(page, await told(page));
    };
    const toldEverywhere = async () =>
      Math.min(...(await Promise.all(windows.map(async (page) => (await told(page)) - before.get(page)!))));
    await startCounting();
    expect(asked).toBe(0);
    await windows[6].getByRole('button', { name: 'Renew now' }).click();
    await expect.poll(toldEverywhere).toBeGreaterThan(0);
    await windows.shift()!.close();
    // Who asks for a story gets what happens from its beginning on.
    await expect.poll(() => begun).toBe(1);
    // What happens while the story passes to another window may be missed: lists do not show the latest refreshes.
    const renewAndCount = async () => {
      await windows[0].getByRole('button', { name: 'Renew now' }).click();
      await windows[0].waitForTimeout(1_000);
      return toldEverywhere();
    };
    await startCounting();
    await expect.poll(renewAndCount, { interval: 2_000 }).toBeGreaterThan(0);
    expect(asked).toBe(1);
  });

  test('keeps the focus where the user is', async () => {
    const focused = (page: Page) =>
      page.evaluate(() => document.activeElement?.id || document.activeElement?.textContent);
    const admin = await visit();
    await admin.getByRole('button', { name: 'I am admin' }).click();
    await expect.poll(() => focused(admin)).toBe('me-title');
    await expect.poll(() => admin.locator('#user-name').innerText()).toBe('admin');
    const box = admin.getByLabel('admin, for admin');
    await box.click();
    await expect.poll(() => admin.locator('#notice').innerText()).toContain('the last administrator');
    await expect.poll(() => box.isChecked()).toBe(true);
    const disable = admin.getByRole('button', { name: 'Disable bob' });
    await disable.focus();
    await admin.keyboard.press('Enter');
    await expect.poll(() => focused(admin)).toBe('Enable bob');
    await admin.keyboard.press('Enter');
    await expect.poll(() => focused(admin)).toBe('Disable bob');
    await admin.getByRole('button', { name: 'Sign out', exact: true }).click();
    await expect.poll(() => focused(admin)).toBe('sign-in-title');
  });

  test('says what is wrong with a password', async () => {
    const page = await visit();
    await page.getByLabel('Username').fill('alice');
    await page.locator('#password').fill('wrong');
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await expect.poll(() => page.getByRole('status').innerText()).toContain('wrong');
  });

  test('renames this device, and forgets the session with the browser if the visitor wants that', async () => {
    const page = await visit();
    await page.getByLabel('Stay signed in').uncheck();
    await page.getByRole('button', { name: 'I am bob' }).click();
    page.once('dialog', (dialog) => void dialog.accept('Kitchen tablet'));
    await page.getByRole('button', { name: 'Rename' }).click();
    await expect.poll(() => page.locator('#device-list li.current h3').innerText()).toBe('Kitchen tablet');
    const cookies = await page.context().cookies();
    expect(cookies.find(({ name }) => name === '__Host-refresh_token')?.expires).toBe(-1);
    await page.getByRole('button', { name: 'Sign out', exact: true }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    expect(errors).toEqual([]);
  });

  test('ends other devices, one or all, and they notice', async () => {
    const laptop = await signedIn('bob');
    const phone = await signedIn('bob');
    const tablet = await signedIn('bob');
    await laptop.reload();
    await expect.poll(() => laptop.locator('#device-list li').count()).toBe(3);
    await laptop.locator('#device-list li:not(.current)').first().getByRole('button').click();
    await expect.poll(() => laptop.locator('#device-list li').count()).toBe(2);
    await laptop.getByRole('button', { name: 'End all others' }).click();
    await expect.poll(() => laptop.locator('#device-list li').count()).toBe(1);
    for (const page of [phone, tablet]) await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  });

  test('changes the password, which ends the other devices before their eyes', async () => {
    const laptop = await signedIn('bob');
    const phone = await signedIn('bob');
    const change = async (current: string, next: string) => {
      await laptop.getByText('Change my password').click();
      await laptop.getByLabel('Current password').fill(current);
      await laptop.getByLabel('New password').fill(next);
      const answer = laptop.waitForResponse('**/profile/password');
      await laptop.getByRole('button', { name: 'Change it' }).click();
      await answer;
    };
    await change('wrong', 'bob-has-another');
    await expect.poll(() => laptop.locator('#notice').innerText()).toContain('wrong');
    await laptop.getByText('Change my password').click();
    await change('bob-password', 'bob-has-another');
    await phone.getByRole('heading', { name: 'Sign in' }).waitFor();
    await expect.poll(() => laptop.locator('#device-list li').count()).toBe(1);
    await laptop.getByRole('button', { name: 'Renew now' }).click();
    await expect.poll(() => laptop.locator('#renewals').innerText()).toBe('renewed once');
    await change('bob-has-another', 'bob-password');
    await phone.getByRole('button', { name: 'I am bob' }).click();
    await phone.getByRole('heading', { name: 'Who am I' }).waitFor();
  });

  test('shows a role that is taken away in another window go before one’s eyes', async () => {
    const alice = await signedIn('alice');
    const admin = await signedIn('admin');
    const box = admin.getByLabel('admin, for alice');
    await box.check();
    await expect.poll(() => rolesOn(alice)).toBe('user, admin');
    await alice.getByRole('heading', { name: 'Administration' }).waitFor();
    await expect.poll(() => box.isChecked()).toBe(true);
    await box.uncheck();
    await expect.poll(() => rolesOn(alice)).toBe('user');
    await alice.getByRole('heading', { name: 'Administration' }).waitFor({ state: 'hidden' });
    await admin.getByRole('button', { name: 'End alice’s sessions' }).click();
    await expect.poll(() => alice.locator('#events').innerText()).toContain('A session has ended');
  });

  test.each<[string, BrowserContextOptions]>([
    ['light', { colorScheme: 'light' }],
    ['dark', { colorScheme: 'dark' }],
    ['on a phone', { viewport: { width: 320, height: 640 }, isMobile: true, hasTouch: true }],
  ])('%s, leaves axe nothing to complain about, and fits', async (_, options) => {
    const page = await visit(options);
    const complaints = async () => {
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() =>
        (globalThis as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run(),
      );
      return violations.map(({ id, nodes }) => [id, nodes[0].html]);
    };
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    expect(await complaints()).toEqual([]);
    await page.getByRole('button', { name: 'I am admin' }).click();
    await page.getByRole('heading', { name: 'Administration' }).waitFor();
    await page.locator('#run-lost').click();
    await page.locator('.experiment[data-state=done]').waitFor();
    expect(await complaints()).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  });

  test('is served under a strict policy, with the other headers, on every answer', async () => {
    for (const path of ['/', '/page/start-page.js', '/page/page.css', '/auth/me', '/nowhere']) {
      const { headers } = await fetch(url() + path);
      expect(headers.get('content-security-policy'), path).toMatch(
        /^default-src 'none'; script-src 'self'; style-src 'self'/,
      );
      expect(headers.get('content-security-policy')).not.toContain('unsafe');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('cross-origin-opener-policy')).toBe('same-origin');
      expect(headers.get('strict-transport-security')).toMatch(/max-age=\d+/);
    }
    const injected = await (
      await visit()
    ).evaluate(async () => {
      const run = (script: HTMLScriptElement) =>
        new Promise((resolve) => {
          script.onload = () => resolve('ran');
          script.onerror = () => resolve('blocked');
          document.body.append(script);
        });
      try {
        return await run(Object.assign(document.createElement('script'), { src: 'https://evil.example/x.js' }));
      } catch {
        return 'blocked';
      }
    });
    expect(injected).toBe('blocked');
  });

  test('serves its own files only', async () => {
    for (const path of [
      '/page/..%2fstart-page.js',
      '/page/index.html',
      '/page/nothing.js',
      '/page/.env',
      '/page/start-page.js.map',
    ]) {
      expect((await fetch(url() + path)).status, path).toBe(404);
    }
  });
});
