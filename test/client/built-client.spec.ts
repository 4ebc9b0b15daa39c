import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm, symlink, writeFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listening } from '../support/listening.js';
import '../support/built.js';
import { root } from '../support/root.js';

const run = promisify(execFile);

const USE = `
  const kept = {};
  const store = { load: () => kept.session, save: (session) => { kept.session = session; }, clear: () => { delete kept.session; } };
  const client = createAuthClient({ baseUrl: process.env.BASE_URL, store });
  await client.login({ username: 'alice', password: 'alice-password' });
  await client.refresh();
  console.log((await client.user()).id, (await client.fetch('/auth/me')).status);
  await client.logout();
`;

/** Bytes of `client.min.js`, gzipped: the core (`scripts/bundle-client.js`), and what a program can leave out. */
const LARGEST = 9_850;

/** What a file imports or requires, in any way. */
async function importsOf(file: string): Promise<string[]> {
  const { metafile } = await build({
    entryPoints: [file],
    bundle: true,
    external: ['*'],
    write: false,
    metafile: true,
  });
  return Object.values(metafile.inputs).flatMap(({ imports }) => imports.map(({ path }) => path));
}

describe('the built client', () => {
  const app = listening('express');
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'client-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('is one small file that needs nothing, in plain JavaScript', async () => {
    const file = join(root, 'dist/client/client.min.js');
    const text = await readFile(file, 'utf8');
    expect(gzipSync(text, { level: 9 }).length).toBeLessThanOrEqual(LARGEST);
    expect(await importsOf(file)).toEqual([]);
    await copyFile(file, join(folder, 'client.min.mjs'));
    await writeFile(join(folder, 'use.mjs'), `import { createAuthClient } from './client.min.mjs';${USE}`);
    const { stdout } = await run(process.execPath, [join(folder, 'use.mjs')], { env: { BASE_URL: app.url } });
    expect(stdout).toBe('user-alice 200\n');
  });

  test('has DPoP in a second file, which shares the first one', async () => {
    const [core, added] = ['client.min.js', 'client-dpop.min.js'].map((name) => join(root, 'dist/client', name));
    expect(await readFile(core, 'utf8')).not.toContain('dpop+jwt');
    expect(await importsOf(added)).toEqual(['./client.min.js']);
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    await copyFile(core, join(folder, 'client.min.js'));
    await copyFile(added, join(folder, 'client-dpop.min.js'));
    const use = `
      import { AuthClientError, createAuthClient as create } from './client.min.js';
      import { dpop } from './client-dpop.min.js';
      let refused;
      try { dpop({ load: 1 }); } catch (error) { refused = error instanceof AuthClientError; }
      let own;
      const keys = { load: () => own, save: (key) => { own = key; }, clear: () => {} };
      const createAuthClient = (options) => create({ ...options, dpop: dpop(keys) });
      ${USE}
      console.log(refused, own.privateKey.extractable);
    `;
    await writeFile(join(folder, 'bound.js'), use);
    const { stdout } = await run(process.execPath, [join(folder, 'bound.js')], { env: { BASE_URL: app.url } });
    expect(stdout).toBe('user-alice 200\ntrue false\n');
  });

  test.each([
    ['the DOM alone', { lib: ['ES2022', 'DOM'], types: [] }],
    ['Node.js alone', { lib: ['ES2022'], types: ['node'] }],
  ])('is typed for programs that know %s', async (_, options) => {
    const modules = join(folder, 'node_modules');
    await mkdir(modules, { recursive: true });
    await symlink(root, join(modules, 'nestjs-refresh-token')).catch(() => undefined);
    await symlink(join(root, 'node_modules/@types'), join(modules, '@types')).catch(() => undefined);
    const compilerOptions = { ...options, strict: true, noEmit: true, module: 'nodenext', target: 'es2022' };
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['use.ts'] }));
    await writeFile(
      join(folder, 'use.ts'),
      `import { type AuthChange, type AuthClientUser, createAuthClient } from 'nestjs-refresh-token/client';
      import { dpop, type KeyStore } from 'nestjs-refresh-token/client/dpop';
      declare const keys: KeyStore;
      const client = createAuthClient({ baseUrl: 'https://api.example', dpop: dpop(keys) });
      export const user: AuthClientUser | null = await client.user();
      export const answer: Response = await client.fetch('/orders', { method: 'POST' });
      client.onChange((change: AuthChange) => change.type === 'ended');
      // @ts-expect-error: there is no token to be had
      export const token = client.accessToken;`,
    );
    await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder]).catch(
      (error: { stdout: string }) => {
        throw new Error(error.stdout);
      },
    );
  });
});
