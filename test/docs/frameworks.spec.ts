import { build } from 'esbuild';
import { mkdir, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { expect, inject, describe, test } from 'vitest';
import type { AuthState } from 'nestjs-refresh-token/client';
import { listening } from '../support/listening.js';
import { ALICE, type TestClient, testClient } from '../support/clients.js';
import { samplesOf } from '../support/doc-samples.js';
import { root } from '../support/root.js';

type Seen = AuthState<{ id: string }>;

const path = 'docs/guides/react-vue-svelte.md';
const samples = samplesOf({ path, text: await readFile(join(root, path), 'utf8') });

/** The files of the page, by their paths: the first line of each is `// src/some/file.tsx`. */
const files = samples.flatMap(({ text }) => {
  const name = /^\/\/ (src\/\S+\.tsx?)\n/.exec(text)?.[1];
  return name === undefined ? [] : [{ name, text }];
});

async function written(): Promise<string> {
  const folder = await mkdtemp(join(inject('scratch'), 'frameworks-'));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  for (const { name, text } of files) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

describe('the page about frameworks', () => {
  const app = listening('express');

  test('compiles, its JSX too', async () => {
    const folder = await written();
    const names = files.map(({ name }) => join(folder, name));
    expect(names.filter((name) => name.endsWith('.tsx'))).toHaveLength(3);
    const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), (file) => ts.sys.readFile(file)) as {
      config: { compilerOptions: { paths: Record<string, string[]> } };
    };
    const program = ts.createProgram(names, {
      jsx: ts.JsxEmit.ReactJSX,
      module: ts.ModuleKind.NodeNext,
      target: ts.ScriptTarget.ES2022,
      lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
      types: [],
      strict: true,
      skipLibCheck: true,
      noEmit: true,
      preserveSymlinks: true,
      paths: Object.fromEntries(
        Object.entries(config.compilerOptions.paths).map(([name, [source]]) => [name, [join(root, source)]]),
      ),
    });
    const messages = ts
      .getPreEmitDiagnostics(program)
      .filter(({ file }) => file?.fileName.startsWith(folder))
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
    expect(messages).toEqual([]);
  });

  /** Runs a program with a file of the page, whose client is this one. */
  async function shownBy(client: TestClient, program: string): Promise<{ seen: () => Seen; stop: () => void }> {
    const folder = await written();
    const outfile = join(folder, 'out.mjs');
    await build({
      stdin: { contents: program, resolveDir: join(folder, 'src') },
      bundle: true,
      format: 'esm',
      platform: 'node',
      conditions: ['browser'],
      outfile,
      alias: {
        vue: join(root, 'node_modules/vue/dist/vue.runtime.esm-bundler.js'),
        'nestjs-refresh-token/client': join(root, 'src/client/index.ts'),
      },
      define: { 'process.env.NODE_ENV': '"production"' },
      plugins: [
        {
          name: 'client',
          setup({ onResolve, onLoad }) {
            onResolve({ filter: /^\.\/client\.js$/ }, () => ({ path: 'client', namespace: 'test' }));
            onLoad({ filter: /.*/, namespace: 'test' }, () => ({
              contents: 'export const client = globalThis.clientOfPage;',
            }));
          },
        },
      ],
    });
    const shared = globalThis as { clientOfPage?: TestClient };
    shared.clientOfPage = client;
    try {
      return (await import(pathToFileURL(outfile).href)) as { seen: () => Seen; stop: () => void };
    } finally {
      delete shared.clientOfPage;
    }
  }

  test.each([
    [
      'Vue',
      `import { effectScope } from 'vue';
       import { useAuth } from './use-auth.ts';
       const scope = effectScope();
       const state = scope.run(() => useAuth());
       export const seen = () => state.value;
       export const stop = () => scope.stop();`,
    ],
    [
      'Svelte',
      `import { auth } from './auth.ts';
       let state;
       export const stop = auth.subscribe((value) => (state = value));
       export const seen = () => state;`,
    ],
  ])('shows in %s who signs in and out, until it is stopped', async (_, program) => {
    const client = testClient(app.url);
    const { seen, stop } = await shownBy(client, program);
    await expect.poll(() => seen().status).toBe('signed_out');
    await client.login(ALICE);
    await expect.poll(() => seen().user?.id).toBe('user-alice');
    // As after the browser's "back".
    await client.adopt();
    await expect.poll(() => seen()).toMatchObject({ status: 'signed_in', user: { id: 'user-alice' } });
    await client.logout();
    await expect.poll(() => seen()).toMatchObject({ status: 'signed_out', user: null });
    stop();
    await client.login(ALICE);
    await client.user();
    expect(client.state.status).toBe('signed_in');
    expect(seen().status).toBe('signed_out');
  });
});
