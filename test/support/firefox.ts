import puppeteer, { type Browser, type BrowserContext, type Page } from 'puppeteer-core';
import { afterAll, afterEach, beforeAll, inject } from 'vitest';

/** Whether this run has Firefox; where not, its tests are skipped. */
export const firefoxAvailable = inject('firefox') !== undefined;

/** Milliseconds for whatever a page does: far more than it takes. */
const TIMEOUT = 20_000;

/**
 * Firefox, while the tests of this block run, by WebDriver BiDi. Each context is another device; all are closed after
 * the test.
 *
 * @param preferences those of `about:config`
 * @example
 * const newContext = firefoxContexts({ 'network.cookie.cookieBehavior': 2 });
 */
export function firefoxContexts(preferences: Record<string, unknown> = {}) {
  let browser: Browser;
  const contexts: BrowserContext[] = [];
  beforeAll(async () => {
    browser = await puppeteer.launch({
      browser: 'firefox',
      executablePath: inject('firefox'),
      extraPrefsFirefox: preferences,
    });
  });
  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((context) => context.close()));
  });
  afterAll(() => browser?.close());

  return async () => {
    const context = await browser.createBrowserContext();
    contexts.push(context);
    return {
      cookies: () => context.cookies(),
      async newPage(): Promise<Page> {
        const page = await context.newPage();
        page.setDefaultTimeout(TIMEOUT);
        return page;
      },
    };
  };
}
