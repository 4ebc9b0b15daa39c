import react from '@vitejs/plugin-react';
import { mkdir, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { createServer, type ViteDevServer } from 'vite';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { browserAvailable, chromiumContexts } from '../support/browser.js';
import '../support/built.js';
import { clientHost } from '../support/client-host.js';
import { root } from '../support/root.js';

declare global {
  /** Lost when the page is loaded again. */
  var mark: string | undefined;
}

const FILES = {
  'index.html': '<!doctype html><div id="root"></div><script type="module" src="/main.tsx"></script>',
  'client.ts': `
    import { createAuthClient } from 'nestjs-refresh-token/client';
    export const client = createAuthClient();
    globalThis.client = client;
    import.meta.hot?.dispose(() => client.close());
  `,
  'session.tsx': `
    import type { ReactNode } from 'react';
    import { AuthProvider } from 'nestjs-refresh-token/react';
    import { client } from './client';
    export function Session({ children }: { children: ReactNode }) {
      return <AuthProvider client={client}>{children}</AuthProvider>;
    }
  `,
  'main.tsx': `
    import { StrictMode } from 'react';
    import { createRoot } from 'react-dom/client';
    import { Account } from './account';
    import { Session } from './session';
    createRoot(document.getElementById('root')!).render(
      <StrictMode>
        <Session><Account /></Session>
      </StrictMode>,
    );
  `,
  'account.tsx': `
    import { useState } from 'react';
    import { useAuth, useUser } from 'nestjs-refresh-token/react';
    export function Account() {
      const { status } = useAuth();
      const user = useUser();
      const [count, setCount] = useState(0);
      (globalThis.shown ??= []).push(status);
      return <p><b>Hello</b> <i>{user?.id ?? status}</i> <button onClick={() => setCount(count + 1)}>{count}</button></p>;
    }
  `,
};

describe.skipIf(!browserAvailable)('a page that Vite updates while it is open', () => {
  const { app, network } = clientHost();
  const newContext = chromiumContexts();
  let folder: string;
  let server: ViteDevServer;

  beforeAll(async () => {
    folder = await mkdtemp(join(inject('scratch'), 'hot-'));
    const modules = join(folder, 'node_modules');
    await mkdir(modules);
    for (const name of ['react', 'react-dom']) await symlink(join(root, 'node_modules', name), join(modules, name));
    await symlink(root, join(modules, 'nestjs-refresh-token'));
    for (const [name, text] of Object.entries(FILES)) await writeFile(join(folder, name), text);
    server = await createServer({
      root: folder,
      configFile: false,
      logLevel: 'silent',
      plugins: [react()],
      resolve: { dedupe: ['react'] },
      // Else Vite finds them at the first request, and loads the page again.
      optimizeDeps: { include: ['react', 'react-dom/client', 'react/jsx-dev-runtime'], noDiscovery: true },
      server: {
        port: 0,
        host: 'localhost',
        fs: { allow: [folder, root] },
        proxy: { '/auth': app.url, '/orders': app.url },
      },
    });
    await server.listen();
  });
  afterAll(() => server?.close());

  const edit = async (name: keyof typeof FILES, from: string, to: string) => {
    const text = await readFile(join(folder, name), 'utf8');
    await writeFile(join(folder, name), text.replace(from, to));
  };
  const shows = (page: Page, expected: string) => expect.poll(() => page.locator('p').textContent()).toBe(expected);

  async function signedInPage(): Promise<Page> {
    const page = await (await newContext()).newPage();
    await page.goto(server.resolvedUrls!.local[0]);
    await shows(page, 'Hello signed_out 0');
    await page.evaluate(() => client.login({ username: 'alice', password: 'alice-password' }));
    await page.locator('button').click();
    await shows(page, 'Hello user-alice 1');
    await page.evaluate(() => (globalThis.mark = 'the same page'));
    network.refreshes = 0;
    return page;
  }

  test('keeps its user when a component changes, without a refresh', async () => {
    const page = await signedInPage();
    const shown = await page.evaluate(() => (globalThis as unknown as { shown: string[] }).shown.length);
    await edit('account.tsx', '<b>Hello</b>', '<b>Welcome</b>');
    await shows(page, 'Welcome user-alice 1');
    const later = await page.evaluate(
      (count) => (globalThis as unknown as { shown: string[] }).shown.slice(count),
      shown,
    );
    expect(new Set(later)).toEqual(new Set(['signed_in']));
    expect(await page.evaluate(() => globalThis.mark)).toBe('the same page');
    expect(await page.evaluate(async () => (await client.fetch('/orders')).status)).toBe(200);
    expect(network.refreshes).toBe(0);
    await edit('account.tsx', '<b>Welcome</b>', '<b>Hello</b>');
    await shows(page, 'Hello user-alice 1');
  });

  test('goes on with a new client and the same user when the module of the client changes', async () => {
    const page = await signedInPage();
    const first = await page.evaluateHandle(() => client);
    await edit('client.ts', 'createAuthClient()', 'createAuthClient({ timeout: 5000 })');
    await expect.poll(() => page.evaluate((one) => client !== one, first)).toBe(true);
    await shows(page, 'Hello user-alice 1');
    expect(await page.evaluate(() => globalThis.mark)).toBe('the same page');
    // The new client knows only the cookie.
    expect(network.refreshes).toBeLessThanOrEqual(1);
    await page.evaluate(() => client.logout());
    await shows(page, 'Hello signed_out 1');
  });
});
