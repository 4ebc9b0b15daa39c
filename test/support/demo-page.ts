import type { BrowserContextOptions, ConsoleMessage, Page } from 'playwright-core';
import { afterAll, beforeAll, expect } from 'vitest';
import { chromiumContexts } from './browser.js';
import { databaseNamed, type TestDatabase } from './databases.js';
import { type DemoProcess, startDemo } from './demo-process.js';

/** The demo with these settings and a database of its own, and visitors to its page; while the tests of this block run. */
export function demoPage(settings: Record<string, string> = {}) {
  const newContext = chromiumContexts();
  let database: TestDatabase;
  let demo: DemoProcess;
  /** What the console of the latest visitor has been told, and what was thrown there. */
  const errors: string[] = [];

  beforeAll(async () => {
    database = await databaseNamed('postgres').create();
    const env = { DATABASE_URL: database.url!, AUTH_SECRET: 'page-page-page-page-page-page-page', REFRESH_GRACE: '3s' };
    demo = await startDemo({ ...env, ...settings });
  });
  afterAll(async () => {
    await demo?.stop();
    await database?.drop();
  });

  async function visit(options?: BrowserContextOptions): Promise<Page> {
    const page = await (await newContext(options)).newPage();
    errors.length = 0;
    page.on('pageerror', (error) => void errors.push(String(error)));
    page.on('console', (message: ConsoleMessage) => {
      if (message.type() === 'error' || message.type() === 'warning') errors.push(message.text());
    });
    await page.goto(demo.url);
    return page;
  }

  async function signedIn(
    username = 'alice',
    { bound = false, ...options }: BrowserContextOptions & { bound?: boolean } = {},
  ) {
    const page = await visit(options);
    if (bound) await page.getByLabel('Bind the session').check();
    await page.getByRole('button', { name: `I am ${username}` }).click();
    await page.getByRole('heading', { name: 'Who am I' }).waitFor();
    await expect.poll(() => rolesOn(page)).toContain('user');
    // The story is being told.
    await expect.poll(() => page.locator('#events li').count()).toBeGreaterThan(0);
    return page;
  }

  return { url: () => demo.url, errors, visit, signedIn };
}

export const rolesOn = (page: Page) => page.locator('#roles').innerText();
