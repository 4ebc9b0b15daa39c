import type { Page } from 'playwright-core';
import { afterEach, describe, expect, test } from 'vitest';
import { browserAvailable } from '../support/browser.js';
import { demoPage, rolesOn } from '../support/demo-page.js';

/** What browsers log of every refused request, though the page expects it. */
const EXPECTED =
  /^Failed to load resource: (the server responded with a status of (40[013]|429)|net::ERR_CONTENT_LENGTH_MISMATCH)/;

/** What came back, and the marks on the time line. */
async function experiment(page: Page, id: string, during = async () => {}) {
  await page.locator(`#run-${id}`).click();
  await during();
  await page.locator('.experiment[data-state=done]', { has: page.locator(`#run-${id}`) }).waitFor({ timeout: 60_000 });
  const cells = await page.locator(`#result-${id} td:nth-child(2)`).allInnerTexts();
  const marks = await page.locator(`#result-${id} .marks li`).allInnerTexts();
  const dots = await page.locator(`#result-${id} .time-line circle`).count();
  // What is told in the same words is told once.
  const told = marks.map((mark) => Number(/(\d+) times: /.exec(mark)?.[1] ?? 1));
  expect(dots).toBe(told.reduce((sum, times) => sum + times, 0));
  return { cells, marks: marks.join('\n') };
}

const generationOf = (cell: string) => Number(/^200: token of generation (\d+)$/.exec(cell)?.[1]);

const stepUp = (page: Page, name: string) => async () => {
  await page.getByRole('dialog').waitFor();
  await page.getByRole('dialog').getByLabel('Password').fill(`${name}-password`);
  await page.getByRole('button', { name: 'Go on' }).click();
};

describe.skipIf(!browserAvailable)('the laboratory', () => {
  const { errors, signedIn } = demoPage();

  afterEach(() => expect(errors.filter((text) => !EXPECTED.test(text))).toEqual([]));

  test('twenty refreshes at once are one', async () => {
    const { cells, marks } = await experiment(await signedIn(), 'parallel');
    expect(cells).toEqual(['20 times 200', expect.stringMatching(/^200: token/)]);
    expect(marks).toContain('given the live token');
  });

  test('a lost response is made good', async () => {
    const { cells, marks } = await experiment(await signedIn(), 'lost');
    expect(cells[1]).toMatch(/^200: token/);
    expect(marks).toMatch(/succeeded by a new one[^]*given the live token/);
  });

  test('a token that is stolen and used in time gets the same successor', async () => {
    const { cells } = await experiment(await signedIn(), 'steal-in-time');
    expect(cells[2]).toBe(cells[1]);
  });

  test('a token that is stolen and used too late ends the session', async () => {
    const page = await signedIn();
    const { cells, marks } = await experiment(page, 'steal-too-late');
    expect(cells.slice(2)).toEqual(['401: invalid_grant', '401: invalid_grant']);
    expect(marks).toContain('two parties hold tokens');
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  });

  test('a token that is used first elsewhere ends the session, when the user comes', async () => {
    const { cells, marks } = await experiment(await signedIn(), 'steal-elsewhere');
    expect(cells.slice(1)).toEqual([expect.stringMatching(/^200: token/), '401: invalid_grant']);
    expect(marks).toMatch(/Brazil[^]*two parties hold tokens/);
  });

  test('an app that is killed gets the same successor after the window', async () => {
    const { cells, marks } = await experiment(await signedIn(), 'killed');
    expect(cells[0]).toMatch(/^200: token of generation/);
    expect(cells[1]).toBe('half a response, without the new token');
    expect(generationOf(cells[2])).toBe(generationOf(cells[0]) + 1);
    expect(marks).toContain('late_retry');
    expect(marks).not.toContain('has ended');
  });

  test('a thief in lock-step is out at the second refresh of the owner', async () => {
    const page = await signedIn();
    const { cells, marks } = await experiment(page, 'lock-step');
    expect(generationOf(cells[1])).toBe(generationOf(cells[0]) + 1);
    expect(cells[2]).toBe(cells[1]);
    expect(cells[3]).toBe('401: invalid_grant');
    expect(marks).toContain('A token had also been given to somebody else');
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  });

  test('a token of a bound session is of no use elsewhere', async () => {
    const { cells, marks } = await experiment(await signedIn('alice', { bound: true }), 'steal-elsewhere');
    expect(cells.slice(1)).toEqual(['401: invalid_grant', expect.stringMatching(/^200: token/)]);
    expect(marks).toContain('without the proof that its session is bound to');
  });

  test('a token of a bound session that is used in time gives the theft away at once', async () => {
    const page = await signedIn('alice', { bound: true });
    const { cells } = await experiment(page, 'steal-in-time');
    expect(cells.slice(2)).toEqual(['401: invalid_grant', '401: invalid_grant']);
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  });

  test('a role is gone at once, and back at once', async () => {
    const page = await signedIn();
    const { cells } = await experiment(page, 'role');
    expect(cells).toEqual(['200', '403', '200']);
    await expect.poll(() => rolesOn(page)).toBe('user');
  });

  test('another country asks for the password', async () => {
    const page = await signedIn();
    const { cells, marks } = await experiment(page, 'country', stepUp(page, 'alice'));
    expect(cells).toEqual([expect.stringMatching(/^200/), 'refused: step_up_required', expect.stringMatching(/^200/)]);
    expect(marks).toContain('Japan');
  });

  test('of many guesses at once, as many are evaluated as may fail, in whatever spelling', async () => {
    const page = await signedIn();
    const { cells } = await experiment(page, 'guesses');
    expect(cells).toEqual(['30 times 401, 30 times 429', '4 times 429', '401']);
    const why = await page.locator('#result-guesses td:nth-child(3)').allInnerTexts();
    expect(why[0]).toContain('30 passwords were evaluated');
    expect(why[0]).toContain('30 were refused without a look at the password');
    expect(await page.locator('#result-guesses td.bad').count()).toBe(0);
    // The visitor is not held back: neither the session, nor the next login, nor the next run.
    expect((await experiment(page, 'guesses')).cells[0]).toBe('30 times 401, 30 times 429');
    await page.getByRole('button', { name: 'Renew now' }).click();
    await page.getByRole('button', { name: 'Sign out', exact: true }).click();
    await page.getByRole('button', { name: 'I am alice' }).click();
    await page.getByRole('heading', { name: 'Who am I' }).waitFor();
  });
});

describe.skipIf(!browserAvailable)('the laboratory without a window and without rules', () => {
  const { errors, signedIn } = demoPage({ REFRESH_GRACE: '0', RISK_RULES: 'off', HTTP_ADAPTER: 'fastify' });

  afterEach(() => expect(errors.filter((text) => !EXPECTED.test(text))).toEqual([]));

  test('says what cannot be shown, and does not show it', async () => {
    const page = await signedIn();
    const said = (id: string) => page.locator(`#hindrance-${id}`).innerText();
    for (const id of ['parallel', 'lost', 'steal-in-time', 'lock-step']) {
      await expect.poll(() => said(id)).toContain('REFRESH_GRACE=0');
      await page.locator(`#run-${id}`).click({ force: true });
    }
    await expect.poll(() => said('country')).toContain('RISK_RULES=off');
    await page.locator('#run-country').click({ force: true });
    expect(await page.locator('.experiment.run').count()).toBe(0);
  });

  test('shows a killed app all the same', async () => {
    const { cells } = await experiment(await signedIn(), 'killed');
    expect(generationOf(cells[2])).toBe(generationOf(cells[0]) + 1);
  });

  test.each(['steal-too-late', 'steal-elsewhere'])('shows %s all the same', async (id) => {
    const { cells, marks } = await experiment(await signedIn(), id);
    expect(cells.at(-1)).toBe('401: invalid_grant');
    expect(marks).toContain('two parties hold tokens');
  });

  test('takes a role away all the same', async () => {
    const { cells } = await experiment(await signedIn(), 'role');
    expect(cells).toEqual(['200', '403', '200']);
  });
});
