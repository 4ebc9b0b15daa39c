import { TooFrequent } from 'nestjs-refresh-token/risk';
import { describe, expect, test } from 'vitest';
import { browserAvailable, chromiumContexts } from '../support/browser.js';
import { clientHost, orders, signIn } from '../support/client-host.js';
import { MINUTE } from '../support/listening.js';

describe.skipIf(!browserAvailable)('a site of many pages', () => {
  const { app, network, open } = clientHost({
    options: { risk: { rules: [new TooFrequent({ verdict: 'step_up' })] } },
  });
  const newContext = chromiumContexts();

  /** Loads the page anew; the client in it knows nothing but the cookie and the ledger. */
  const load = async (page: Awaited<ReturnType<typeof open>>) => {
    await page.reload();
    await page.waitForFunction(() => globalThis.client);
    return orders(page);
  };

  test('loads a hundred pages in an hour, and nobody is asked for the password', async () => {
    const page = await open(await newContext());
    await signIn(page);
    network.refreshes = 0;
    for (let count = 0; count < 100; count++) {
      app.clock.advance(0.6 * MINUTE);
      expect(await load(page)).toBe(200);
    }
    // Each page refreshes once. Its access token does not survive the page: no storage of the page has a token.
    expect(network.refreshes).toBe(100);
    expect(new Set(app.events.map(({ type }) => type))).toEqual(new Set(['signed_in', 'refreshed']));
  });
});
