import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Controller, Get, Header, Post, Sse, UseGuards } from '@nestjs/common';
import { type AuthenticatedUser, CurrentUser, JwtAuthGuard } from 'nestjs-refresh-token';
import type { Frame, Page } from 'playwright-core';
import { of } from 'rxjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { browserAvailable, chromiumContexts } from '../support/browser.js';
import { listening } from '../support/listening.js';

const ALICE = { username: 'alice', password: 'alice-password', transport: 'cookie' };

@Controller('pages')
class PagesController {
  @Get('empty')
  @Header('content-type', 'text/html')
  empty() {
    return '<title>empty</title>';
  }

  @UseGuards(JwtAuthGuard)
  @Get('account')
  @Header('content-type', 'text/html')
  account(@CurrentUser() user: AuthenticatedUser) {
    return `<h1>${user.id}</h1>`;
  }

  @UseGuards(JwtAuthGuard)
  @Post('account')
  change() {
    return 'changed';
  }

  @UseGuards(JwtAuthGuard)
  @Sse('events')
  events(@CurrentUser() user: AuthenticatedUser) {
    return of({ data: user.id });
  }
}

/** The status that a page gets from a route of its own origin. */
const post = (page: Page | Frame, path: string, body: object = {}) =>
  (page as Frame).evaluate(
    async ([url, text]) => {
      const headers = { 'content-type': 'application/json' };
      return (await fetch(url, { method: 'POST', headers, body: text })).status;
    },
    [path, JSON.stringify(body)] as const,
  );

const firstEvent = (page: Page, path: string) =>
  page.evaluate(
    (url) =>
      new Promise<string>((resolve, reject) => {
        const source = new EventSource(url);
        source.onmessage = ({ data }) => {
          source.close();
          resolve(String(data));
        };
        source.onerror = reject;
      }),
    path,
  );

describe.skipIf(!browserAvailable)('in Chromium, by plain HTTP', () => {
  const newContext = chromiumContexts();
  const controllers = [PagesController];
  const insecure = { secure: false, accessToken: true };
  const strict = listening('express', { options: { cookie: insecure }, controllers, quiet: true });
  const lax = listening('fastify', {
    options: { cookie: { ...insecure, sameSite: 'lax' } },
    controllers,
    quiet: true,
  });
  const open = listening('fastify', {
    options: { cookie: { sameSite: 'none', accessToken: true } },
    controllers,
    quiet: true,
  });
  const framed = listening('express', {
    options: { cookie: { sameSite: 'none', partitioned: true } },
    controllers,
  });

  /** A page with a link, a frame and a form to the URL in its query. */
  const pages = createServer((request, response) => {
    const to = new URL(request.url!, 'http://localhost').searchParams.get('to');
    response.setHeader('content-type', 'text/html');
    response.end(`<a href="${to}">link</a><iframe src="${to}"></iframe><form method="post" action="${to}"></form>`);
  });
  beforeAll(() => new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve)));
  afterAll(() => {
    pages.closeAllConnections();
    pages.close();
  });
  const pageTo = (url: string, host: 'localhost' | '127.0.0.1') =>
    `http://${host}:${(pages.address() as AddressInfo).port}/?to=${url}`;

  async function signedIn(url: string) {
    const page = await (await newContext()).newPage();
    await page.goto(`${url}/pages/empty`);
    expect(await post(page, '/auth/login', ALICE)).toBe(200);
    return page;
  }

  test('a session lives with secure: false, and all its cookies go with it', async () => {
    const page = await signedIn(strict.url);
    const names = async () => (await page.context().cookies()).map(({ name }) => name).sort();
    expect(await names()).toEqual(['access_token', 'refresh_token']);
    expect(await page.evaluate(() => document.cookie)).toBe('');
    expect(await post(page, '/auth/refresh')).toBe(200);
    expect(await firstEvent(page, '/pages/events')).toBe('user-alice');
    await page.goto(`${strict.url}/pages/account`);
    expect(await page.textContent('h1')).toBe('user-alice');
    expect(await post(page, '/auth/logout')).toBe(204);
    expect(await names()).toEqual([]);
  });

  test.each([
    ['strict', 401],
    ['lax', 200],
  ] as const)('a link on another site, with sameSite: %s, gets %d', async (sameSite, status) => {
    const app = sameSite === 'lax' ? lax : strict;
    const page = await signedIn(app.url);
    await page.goto(pageTo(`${app.url}/pages/account`, 'localhost'));
    const answer = page.waitForResponse(
      (response) => response.url() === `${app.url}/pages/account` && response.frame() === page.mainFrame(),
    );
    await page.click('a');
    expect((await answer).status()).toBe(status);
  });

  test('with sameSite: none, the server lets in a link on another site, but no frame and no form', async () => {
    const url = open.url.replace('127.0.0.1', 'localhost');
    const page = await signedIn(url);
    const answers: [method: string, status: number][] = [];
    page.on('response', (response) => {
      const request = response.request();
      if (response.url() === `${url}/pages/account`) answers.push([request.method(), response.status()]);
    });
    for (const press of ['a', 'form']) {
      await page.goto(pageTo(`${url}/pages/account`, '127.0.0.1'));
      await Promise.all([
        page.waitForURL(`${url}/**`),
        page.evaluate((selector) => {
          const element = document.querySelector(selector)!;
          if (element instanceof HTMLFormElement) element.submit();
          else (element as HTMLElement).click();
        }, press),
      ]);
    }
    expect(answers).toEqual([
      ['GET', 403],
      ['GET', 200],
      ['GET', 403],
      ['POST', 403],
    ]);
  });

  test('a frame on another site has a session by partitioned cookies, and the own page does not see it', async () => {
    // Browsers accept Secure cookies by plain HTTP at localhost only.
    const url = framed.url.replace('127.0.0.1', 'localhost');
    const page = await (await newContext()).newPage();
    await page.goto(pageTo(`${url}/pages/empty`, '127.0.0.1'));
    const frame = page.frames().find((one) => one.url() === `${url}/pages/empty`)!;
    expect(await post(frame, '/auth/login', ALICE)).toBe(200);
    expect(await post(frame, '/auth/refresh')).toBe(200);

    const own = await page.context().newPage();
    await own.goto(`${url}/pages/empty`);
    expect(await post(own, '/auth/refresh')).toBe(400);
    expect(await post(frame, '/auth/logout')).toBe(204);
    expect(await post(frame, '/auth/refresh')).toBe(400);
  });
});
