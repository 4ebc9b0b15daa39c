import { Controller, Get, Header } from '@nestjs/common';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { AuthChange, AuthClient, AuthClientOptions } from 'nestjs-refresh-token/client';
import type { DpopOptions } from 'nestjs-refresh-token/client/dpop';
import type { BrowserContext } from 'playwright-core';
import { expect } from 'vitest';
import type { Adapter } from './auth-app.js';
import { listening, type ListeningSetup } from './listening.js';
import { OrdersController } from './clients.js';
import './built.js';
import { root } from './root.js';

declare global {
  var client: AuthClient;
  var changes: AuthChange['type'][];
}

/** The client without a bundler, as the package has it. */
const bundle = readFile(join(root, 'dist/client/client.min.js'), 'utf8');
const dpopBundle = readFile(join(root, 'dist/client/client-dpop.min.js'), 'utf8');

/** A page at `/` on which the client runs. */
@Controller()
export class PageController {
  @Get()
  @Header('Content-Type', 'text/html')
  @Header('Content-Security-Policy', "default-src 'none'; script-src 'self'; connect-src 'self'")
  page() {
    return '<!doctype html><title>page</title><script type="module" src="/page.js"></script>';
  }

  @Get('page.js')
  @Header('Content-Type', 'text/javascript')
  script() {
    return `
      import { createAuthClient } from '/client.min.js';
      import { dpop } from '/client-dpop.min.js';
      const options = JSON.parse(decodeURIComponent(location.hash.slice(1)) || '{}');
      globalThis.client = createAuthClient({ ...options, dpop: options.dpop && dpop(options.dpop) });
      globalThis.changes = [];
      client.onChange(({ type }) => changes.push(type));
    `;
  }

  @Get('client.min.js')
  @Header('Content-Type', 'text/javascript')
  client() {
    return bundle;
  }

  @Get('client-dpop.min.js')
  @Header('Content-Type', 'text/javascript')
  dpop() {
    return dpopBundle;
  }

  @Get('favicon.ico')
  icon() {}
}

/** A page of Playwright, which drives Chromium, or of Puppeteer, which drives Firefox. */
export interface Tab {
  goto(url: string): Promise<unknown>;
  reload(): Promise<unknown>;
  waitForFunction(condition: () => unknown): Promise<unknown>;
  evaluate<T>(work: () => T): Promise<Awaited<T>>;
}

/** Options that can be written into the address of a page. */
export interface PageOptions extends Omit<AuthClientOptions, 'dpop'> {
  dpop?: DpopOptions;
}

/** What the network does to an answer of `POST /auth/refresh`, once the server has given it. */
export type Fault =
  /** It is held back until `release()`. */
  | 'hold'
  /** The connection breaks. */
  | 'drop'
  /** The head arrives, without the cookie, and the body does not. */
  | 'cut';

/** A host with a page on which the client runs, and a network that can fail. */
export function clientHost(setup: ListeningSetup = {}, adapter: Adapter = 'express') {
  const network = {
    /** How often `POST /auth/refresh` has arrived. */
    refreshes: 0,
    /** The paths of what has been answered. */
    answered: [] as string[],
    faults: [] as Fault[],
    release: () => {},
  };
  let released = Promise.resolve();

  const disturb = (request: IncomingMessage, response: ServerResponse, next: () => void) => {
    response.setHeader('Date', new Date(app.clock.now()).toUTCString());
    response.once('finish', () => network.answered.push(request.url!));
    if (!request.url?.startsWith('/auth/refresh')) return next();
    network.refreshes++;
    const fault = network.faults.shift();
    if (fault === 'hold') released = new Promise((resolve) => (network.release = resolve));
    const end = response.end.bind(response) as (...rest: unknown[]) => ServerResponse;
    response.end = ((...rest: unknown[]) => {
      if (fault === 'hold') void released.then(() => end(...rest));
      else if (fault === 'drop') request.socket.destroy();
      else if (fault === 'cut') cut(request.socket);
      else return end(...rest);
      return response;
    }) as typeof response.end;
    next();
  };
  const app = listening(adapter, {
    ...setup,
    controllers: [PageController, OrdersController, ...(setup.controllers ?? [])],
    configure: (nest) => nest.use(disturb),
  });
  const origin = () => app.url.replace('127.0.0.1', 'localhost');

  return {
    app,
    network,
    origin,
    /** A tab with a client in it. */
    async open<T extends Tab>(context: { newPage(): Promise<T> }, options: PageOptions = {}): Promise<T> {
      const page = await context.newPage();
      await page.goto(`${origin()}/#${encodeURIComponent(JSON.stringify(options))}`);
      await page.waitForFunction(() => globalThis.client);
      return page;
    },
  };
}

function cut(socket: Socket): void {
  socket.end('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"access_token":');
}

export const signIn = (page: Tab) =>
  page.evaluate(() => client.login({ username: 'alice', password: 'alice-password' }));

export const orders = (page: Tab) => page.evaluate(async () => (await client.fetch('/orders')).status);

export const changesOf = (page: Tab) => page.evaluate(() => changes);

/** The refresh token, as only the browser knows it. */
export async function stolenCookie(context: BrowserContext) {
  const [cookie] = await context.cookies();
  return cookie;
}

/** Each tab has said so, and can do nothing more as the user. */
export async function expectSignedOut(pages: readonly Tab[]): Promise<void> {
  for (const page of pages) {
    await expect.poll(() => changesOf(page)).toContain('signed_out');
    expect(await page.evaluate(() => client.user())).toBeNull();
    expect(await orders(page)).toBe(401);
  }
}
