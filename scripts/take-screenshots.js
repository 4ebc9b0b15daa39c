// The pictures in the README, of a demo that runs with a database of its own: node scripts/take-screenshots.js http://localhost:3000
import { chromium } from 'playwright-core';

const [url = 'http://localhost:3000'] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.TEST_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});

async function signedIn(device, options) {
  const page = await (await browser.newContext(options)).newPage();
  await page.goto(url);
  await page.getByLabel('Name of this device').fill(device);
  await page.getByRole('button', { name: 'I am alice' }).click();
  await page.locator('.badge').waitFor();
  return page;
}

async function renewed(page) {
  await page.getByRole('button', { name: 'Renew now' }).click();
  await page.getByText('renewed once').waitFor();
}

const phone = await signedIn('Phone', { viewport: { width: 390, height: 820 }, isMobile: true });
await renewed(phone);
await phone.screenshot({ path: 'docs/images/page-phone.png' });

const light = await signedIn('Laptop', { viewport: { width: 1100, height: 820 }, colorScheme: 'light' });
await renewed(light);
await light.screenshot({ path: 'docs/images/page-light.png' });

const dark = await signedIn('Laptop', { viewport: { width: 1100, height: 820 }, colorScheme: 'dark' });
await dark.locator('#run-steal-too-late').click();
await dark.locator('.experiment[data-state=done]').waitFor();
// The notice would stand in the picture.
await dark.locator('#notice').evaluate((notice) => notice.replaceChildren());
await dark.locator('.experiment.run').evaluate((card) => card.scrollIntoView());
await dark.screenshot({ path: 'docs/images/page-dark.png' });

await browser.close();
