import { describe, expect, test } from 'vitest';
import { browserAvailable } from '../support/browser.js';
import { demoPage } from '../support/demo-page.js';

const PASSWORD = 'chosen for these tests';
/** As a proxy with TLS sends. */
const BY_TLS = { extraHTTPHeaders: { 'x-forwarded-proto': 'https' } };

describe.skipIf(!browserAvailable)('the page of the demo in production', () => {
  const { errors, visit } = demoPage({ NODE_ENV: 'production', TRUST_PROXY: 'loopback', DEMO_PASSWORD: PASSWORD });

  test('offers nobody’s password, and signs in with the one that was chosen', async () => {
    const page = await visit(BY_TLS);
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    expect(await page.getByRole('button', { name: /^I am/ }).count()).toBe(0);
    expect(await page.content()).not.toMatch(/alice|bob|admin-password/);
    await page.getByLabel('Username').fill('alice');
    await page.locator('#password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('heading', { name: 'Who am I' }).waitFor();
    await expect.poll(() => page.locator('#user-name').innerText()).toBe('alice');
    expect(errors).toEqual([]);
  });
});
