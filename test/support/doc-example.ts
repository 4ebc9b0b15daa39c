import { mkdtemp, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { transform } from 'esbuild';
import { inject } from 'vitest';
import { filesOf, readPages } from './doc-samples.js';
import { root } from './root.js';

/**
 * A file of a page of the documentation, as a module: for samples that need a server which the page itself does not have.
 *
 * @param file for example `src/live.ts`
 */
export async function exampleOf<T>(page: string, file: string): Promise<T> {
  const found = (await readPages()).find(({ path }) => path === page);
  if (!found) throw new Error(`${page} does not exist.`);
  const folder = await mkdtemp(join(inject('scratch'), 'example-'));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  for (const [path, { text }] of filesOf(found)) {
    const { code } = await transform(text, { loader: 'ts', format: 'esm' });
    await writeFile(
      join(folder, nameOf(path)),
      code.replaceAll(/'(\.\/.*?)\.js'/g, "'$1.mjs'").replaceAll(/"(\.\/.*?)\.js"/g, '"$1.mjs"'),
    );
  }
  return (await import(/* @vite-ignore */ pathToFileURL(join(folder, nameOf(file))).href)) as T;
}

/** The files of a page are next to each other, and Node.js takes them for modules. */
const nameOf = (path: string) =>
  path
    .replace(/^src\//, '')
    .replaceAll('/', '-')
    .replace(/\.ts$/, '.mjs');
