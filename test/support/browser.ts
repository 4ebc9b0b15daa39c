import { type Browser, type BrowserContext, chromium } from 'playwright-core';
import { afterAll, afterEach, beforeAll, inject } from 'vitest';

/** Whether this run has a browser; where not, its tests are skipped. */
export const browserAvailable = inject('chromium') !== undefined;

/** Milliseconds for whatever a page does: far more than it takes. */
const TIMEOUT = 20_000;

/**
 * Chromium, while the tests of this block run. Each context is another device; all are closed after the test.
 *
 * @example
 * const newContext = chromiumContexts();
 * test('…', async () => {
 *   const page = await (await newContext()).newPage();
 * });
 */
export function chromiumContexts() {
  let browser: Browser;
  const contexts: BrowserContext[] = [];
  beforeAll(async () => {
    // As root, which a container often runs as, Chromium has no sandbox.
    browser = await chromium.launch({ executablePath: inject('chromium'), args: ['--no-sandbox'] });
  });
  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((context) => context.close()));
  });
  afterAll(() => browser?.close());

  return async (options?: Parameters<Browser['newContext']>[0]): Promise<BrowserContext> => {
    const context = await browser.newContext(options);
    context.setDefaultTimeout(TIMEOUT);
    contexts.push(context);
    return context;
  };
}
