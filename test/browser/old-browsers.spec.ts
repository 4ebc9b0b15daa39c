import { transform } from 'esbuild';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import { describe, expect, inject, test } from 'vitest';
import { MINUTE } from '../support/listening.js';
import { browserAvailable, chromiumContexts } from '../support/browser.js';
import { changesOf, clientHost, orders, signIn } from '../support/client-host.js';
import { bundlePath, platformHost, storyPath, WELL } from '../support/platforms.js';

/** Takes from a page what a browser does not have; `Array.prototype.at` is written with its path. */
function takeAway(paths: string[]): void {
  for (const path of paths) {
    const names = path.split('.');
    const name = names.pop()!;
    const owner = names.reduce<Record<string, unknown>>(
      (object, part) => object[part] as Record<string, unknown>,
      globalThis as unknown as Record<string, unknown>,
    );
    delete owner[name];
    if (name in owner) throw new Error(`${path} cannot be taken away.`);
  }
}

const since2023 = ['URL.canParse', 'URL.parse', 'Promise.withResolvers', 'AbortSignal.any', 'Object.groupBy'];
const since2022 = [...since2023, 'AbortSignal.timeout', 'Array.prototype.findLast', 'Array.prototype.toSorted'];
const since2021 = [
  ...since2022,
  'AbortSignal.prototype.throwIfAborted',
  'AbortSignal.prototype.reason',
  'Array.prototype.at',
  'String.prototype.at',
  'Object.hasOwn',
  'structuredClone',
  'Crypto.prototype.randomUUID',
];
const browsers = [
  { browser: 'Chrome 119', missing: ['URL.canParse', 'URL.parse'] },
  { browser: 'Safari 16.0', missing: since2022.filter((path) => path !== 'AbortSignal.timeout') },
  { browser: 'Chrome 94 and Firefox 96', missing: since2021 },
  { browser: 'Safari 15.0 and Firefox 93', missing: [...since2021, 'Navigator.prototype.locks', 'BroadcastChannel'] },
];

describe('the built client', () => {
  test.each(['safari15', 'chrome94', 'firefox93'])('has no syntax that %s lacks', async (target) => {
    const bundle = await readFile(bundlePath, 'utf8');
    const written = async (target: string) => (await transform(bundle, { minify: true, format: 'esm', target })).code;
    expect(await written(target)).toBe(await written('esnext'));
  });
});

describe.skipIf(!browserAvailable).each(browsers)('A browser as old as $browser', ({ missing }) => {
  const { app, open } = clientHost();
  const newContext = chromiumContexts();

  test('signs in, heals, finds the session again, and signs out in all tabs', async () => {
    const context = await newContext();
    await context.addInitScript(takeAway, missing);
    const [one, two] = [await open(context), await open(context)];
    await signIn(one);
    await two.reload();
    await two.waitForFunction(() => globalThis.client);
    app.clock.advance(16 * MINUTE);
    expect(await Promise.all([orders(one), orders(two)])).toEqual([200, 200]);
    expect(await one.evaluate(async () => (await client.sessions.list()).length)).toBe(1);
    for (const page of [one, two]) expect(await changesOf(page)).not.toContain('ended');
    await one.evaluate(() => client.logout());
    expect(await one.evaluate(() => client.user())).toBeNull();
    app.clock.advance(16 * MINUTE);
    expect(await orders(two)).toBe(401);
    expect(await context.cookies()).toEqual([]);
  });

  test('is not harmed by a signal that is aborted already', async () => {
    const context = await newContext();
    await context.addInitScript(takeAway, missing);
    const page = await open(context);
    const errors: Error[] = [];
    page.on('pageerror', (error) => errors.push(error));
    await signIn(page);
    const name = await page.evaluate(() => {
      const aborted = new AbortController();
      aborted.abort();
      return client.fetch('/orders', { signal: aborted.signal }).catch((error: Error) => error.name);
    });
    expect(name).toBe('AbortError');
    expect(await orders(page)).toBe(200);
    expect(errors).toEqual([]);
  });
});

describe.skipIf(!browserAvailable)('Where the client runs without cookies', () => {
  const { app, strangers, setting } = platformHost();
  const newContext = chromiumContexts();

  /** What the preload script of Electron gives the page: functions that ask the main process. */
  async function withBridge(page: Page) {
    let kept: string | null = null;
    await page.exposeFunction('loadSession', () => kept);
    await page.exposeFunction('saveSession', (session: string) => void (kept = session));
    await page.exposeFunction('clearSession', () => void (kept = null));
    return () => kept;
  }

  const told = (page: Page) =>
    page.waitForFunction(() => (globalThis as { told?: unknown }).told).then((told) => told.jsonValue());

  async function writePage(): Promise<string> {
    const [bundle, story] = await Promise.all([bundlePath, storyPath].map((path) => readFile(path, 'utf8')));
    // Modules cannot be loaded from files: a bundler puts all into one script.
    const client = bundle.replace(/export\{([^}]*)\};?\s*$/, (_, names: string) => {
      const name = /(\w+) as createAuthClient/.exec(names)![1];
      return `globalThis.createAuthClient=${name};`;
    });
    const script = `
      ${story.replace(/^export /gm, '')}
      const store = {
        load: async () => JSON.parse(await loadSession()),
        save: (session) => saveSession(JSON.stringify(session)),
        clear: () => clearSession(),
      };
      liveThrough(createAuthClient, { ...${JSON.stringify(setting())}, store }).then(
        (story) => (globalThis.told = story),
        (error) => (globalThis.told = String(error)),
      );`;
    const path = join(inject('scratch'), 'electron.html');
    await writeFile(path, `<!doctype html><script>{${client}}</script><script>{${script}}</script>`);
    return path;
  }

  test('it works in a page of Electron, from file://, with a store over its bridge', async () => {
    const page = await (await newContext()).newPage();
    const kept = await withBridge(page);
    await page.goto(pathToFileURL(await writePage()).href);
    expect(await told(page)).toEqual(WELL);
    expect(await page.evaluate(() => location.protocol)).toBe('file:');
    expect(kept()).toBeNull();
    for (const { authorization } of strangers) expect(authorization).toBeUndefined();
    expect(app.events.filter(({ type }) => type === 'reuse_detected')).toEqual([]);
  });

  test('it works in a worker, without a window', async () => {
    const page = await (await newContext()).newPage();
    await page.goto(`${app.url}/auth/me`);
    const [bundle, story] = await Promise.all([bundlePath, storyPath].map((path) => readFile(path, 'utf8')));
    const result = await page.evaluate(
      async ({ bundle, story, setting }) => {
        const urlOf = (code: string) => URL.createObjectURL(new Blob([code], { type: 'text/javascript' }));
        const program = `
          import { createAuthClient } from '${urlOf(bundle)}';
          import { liveThrough, memoryStore } from '${urlOf(story)}';
          const setting = ${JSON.stringify(setting)};
          postMessage(await liveThrough(createAuthClient, { ...setting, store: memoryStore() }));`;
        const worker = new Worker(urlOf(program), { type: 'module' });
        return new Promise((resolve, reject) => {
          worker.onmessage = ({ data }) => resolve(data);
          worker.onerror = ({ message }) => reject(new Error(message));
        });
      },
      { bundle, story, setting: setting() },
    );
    expect(result).toEqual(WELL);
  });
});
