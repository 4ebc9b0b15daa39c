import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { samplesOf } from '../support/doc-samples.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { login } from '../support/http.js';
import { listening, MINUTE } from '../support/listening.js';
import { controllers } from '../support/clients.js';
import { pack } from '../support/packed.js';
import { registryAnswers } from '../support/registry.js';
import { FIREFOX, Jar } from '../support/rendering-server.js';
import { root } from '../support/root.js';

const execute = promisify(execFile);
const online = describe.skipIf(!(await registryAnswers()));

/** Milliseconds; packages are fetched, and the application is built. */
const TIMEOUT = 900_000;
const PACKAGES = ['next@16', 'react@19', 'react-dom@19', 'typescript@5', '@types/node@20', '@types/react@19'];
const GUIDE = 'docs/guides/server-rendering.md';
const FROM_GUIDE = ['next.config.mjs', 'proxy.ts', 'app/session.ts', 'app/page.tsx'];
const REFRESH = '__Host-refresh_token';
const LEDGER = '__Host-refresh_token_ledger';
/** The proxy of the guide does not run for it. */
const PREFETCH = { 'next-router-prefetch': '1' };

/** What the application of the guide has besides. */
const OWN_FILES = {
  'package.json': '{ "private": true }',
  'app/layout.tsx': `import type { ReactNode } from 'react';

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  );
}
`,
  'app/orders/route.ts': `import { session } from '../session';

export async function GET() {
  const response = await (await session()).fetch('/orders');
  return Response.json(await response.json(), { status: response.status });
}
`,
  // A component whose author has forgotten \`readOnly\`.
  'app/careless/page.tsx': `import { cookies, headers } from 'next/headers';
import { createServerAuthClient } from 'nestjs-refresh-token/client';

export default async function Page() {
  const options = { baseUrl: process.env.AUTH_SERVER!, cookies: await cookies(), headers: await headers() };
  const user = await createServerAuthClient(options).user().catch((error) => ({ id: error.code }));
  return <p>It says: {user ? user.id : 'nobody'}</p>;
}
`,
  // A route handler may set cookies.
  'app/handler/route.ts': `import { cookies, headers } from 'next/headers';
import { createServerAuthClient } from 'nestjs-refresh-token/client';

export async function GET() {
  const options = { baseUrl: process.env.AUTH_SERVER!, cookies: await cookies(), headers: await headers() };
  return Response.json(await createServerAuthClient(options).user());
}
`,
};

online('an application of Next.js, as the guide writes it', { timeout: TIMEOUT }, () => {
  let refreshes = 0;
  const app = listening('express', {
    controllers,
    configure: (nest) =>
      nest.use(({ url }: { url: string }, _: unknown, next: () => void) => {
        if (url === '/auth/refresh') refreshes++;
        next();
      }),
  });
  let folder: string;
  let pages: ChildProcess;
  let origin: string;
  let output = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'next-'));
    const guide = samplesOf({ path: GUIDE, text: await readFile(join(root, GUIDE), 'utf8') });
    const ofGuide = FROM_GUIDE.map((path) => [path, guide.find(({ text }) => text.startsWith(`// ${path}\n`))!.text]);
    for (const [path, text] of [...Object.entries(OWN_FILES), ...ofGuide]) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
    const env: NodeJS.ProcessEnv = { ...process.env, AUTH_SERVER: app.url, NEXT_TELEMETRY_DISABLED: '1', CI: 'true' };
    // Vitest's own variables would reach the application.
    for (const name of Object.keys(env)) if (/^(VITEST|NODE_ENV|NODE_OPTIONS|TEST)/.test(name)) delete env[name];
    const inFolder = { cwd: folder, env, maxBuffer: 2 ** 26 };
    const { path: tarball } = await pack(folder);
    // The peers are those of the auth server.
    const quiet = ['--omit=peer', '--no-audit', '--no-fund', '--prefer-offline'];
    await execute('npm', ['install', ...quiet, ...PACKAGES, tarball], inFolder);
    const next = join(folder, 'node_modules/next/dist/bin/next');
    await execute(process.execPath, [next, 'build'], inFolder);

    const port = await freePort();
    origin = `http://127.0.0.1:${port}`;
    pages = spawn(process.execPath, [next, 'start', '-H', '127.0.0.1', '-p', String(port)], inFolder);
    for (const stream of [pages.stdout!, pages.stderr!]) stream.on('data', (text) => (output += text));
    await eventually(() => expect(output).toContain('Ready'), { limit: TIMEOUT });
  }, TIMEOUT);
  afterAll(async () => {
    if (pages?.exitCode === null) {
      pages.kill('SIGKILL');
      await once(pages, 'close');
    }
    await rm(folder, { recursive: true, force: true });
  }, TIMEOUT);
  beforeEach(() => {
    refreshes = 0;
  });

  /** Signs in by the page's own host, as the browser does. */
  async function signedIn(username = 'alice'): Promise<Jar> {
    const credentials = { username, password: `${username}-password` };
    const answer = await login(origin, credentials, { 'user-agent': FIREFOX, origin, 'sec-fetch-site': 'same-origin' });
    expect(answer.status).toBe(200);
    const jar = new Jar();
    jar.take(answer.headers.getSetCookie());
    return jar;
  }

  async function load(jar: Jar, path = '/', headers: Record<string, string> = {}) {
    const response = await fetch(origin + path, { headers: { cookie: jar.header, 'user-agent': FIREFOX, ...headers } });
    const setCookies = response.headers.getSetCookie();
    jar.take(setCookies);
    // React marks the places where its texts meet.
    const text = (await response.text()).replaceAll('<!-- -->', '');
    return { status: response.status, text, setCookies, cacheControl: response.headers.get('cache-control') };
  }
  const names = (setCookies: string[]) => setCookies.map((header) => header.split('=')[0]).sort();

  test('shows a visitor without a session that nobody is signed in', async () => {
    const page = await load(new Jar());
    expect(page.text).toContain('Nobody is signed in.');
    expect(page.setCookies).toEqual([]);
    expect(refreshes).toBe(0);
  });

  test('shows the user; the proxy hands the cookies to the page and to the browser', async () => {
    const jar = await signedIn();
    const page = await load(jar);
    expect(page.text).toContain('Signed in as user-alice, 404.');
    expect(names(page.setCookies)).toEqual([REFRESH, LEDGER]);
    for (const cookie of page.setCookies) {
      expect(cookie).toMatch(/^[^;]+; Max-Age=\d+; Path=\/; HttpOnly; Secure; SameSite=Strict$/);
    }
    expect(page.cacheControl).toContain('no-store');
    expect((await load(jar)).setCookies).toEqual([]);
    expect(await load(jar, '/orders')).toMatchObject({ status: 200, text: '{"id":"user-alice"}' });
    expect(refreshes).toBe(1);
  });

  test('refreshes once when the access token has expired, and keeps the session through twenty page loads', async () => {
    const jar = await signedIn();
    for (let count = 1; count <= 20; count++) {
      expect((await load(jar)).text).toContain('user-alice');
      expect(refreshes).toBe(count);
      app.clock.advance(16 * MINUTE);
    }
  });

  test('answers two page loads at the same moment with one session, and gives each visitor their own', async () => {
    const [alice, bob] = [await signedIn(), await signedIn('bob')];
    await Promise.all([load(alice), load(bob)]);
    app.clock.advance(16 * MINUTE);
    const copy = alice.copy();
    const loaded = await Promise.all([load(alice), load(copy), load(bob), load(alice.copy())]);
    expect(loaded.map(({ text }) => /user-\w+/.exec(text)?.[0])).toEqual([
      'user-alice',
      'user-alice',
      'user-bob',
      'user-alice',
    ]);
    expect(copy.cookies.get(REFRESH)).toBe(alice.cookies.get(REFRESH));
    app.clock.advance(16 * MINUTE);
    expect((await load(alice)).text).toContain('user-alice');
    expect(app.events.filter(({ alert }) => alert)).toEqual([]);
  });

  test('a component never refreshes, even if its author has forgotten to say so', async () => {
    const jar = await signedIn();
    expect((await load(jar, '/careless', PREFETCH)).text).toContain('It says: temporarily_unavailable');
    expect(refreshes).toBe(0);
    expect((await load(jar, '/careless')).text).toContain('It says: user-alice');
    expect(refreshes).toBe(1);
  });

  test('a route handler may refresh by itself', async () => {
    const jar = await signedIn();
    const { text, setCookies } = await load(jar, '/handler', PREFETCH);
    expect(JSON.parse(text)).toMatchObject({ id: 'user-alice' });
    expect(names(setCookies)).toEqual([REFRESH, LEDGER]);
    for (const cookie of setCookies) {
      for (const attribute of ['HttpOnly', 'Secure', 'SameSite=strict', 'Path=/', 'Max-Age=']) {
        expect(cookie).toContain(attribute);
      }
    }
    expect((await load(jar)).text).toContain('user-alice');
    expect(refreshes).toBe(1);
  });

  test('shows nobody after the user has signed out', async () => {
    const jar = await signedIn();
    await load(jar);
    const headers = { cookie: jar.header, origin, 'sec-fetch-site': 'same-origin' };
    const response = await fetch(`${origin}/auth/logout`, { method: 'POST', headers });
    jar.take(response.headers.getSetCookie());
    expect((await load(jar)).text).toContain('Nobody is signed in.');
  });
});
