import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import '../support/built.js';
import { root } from '../support/root.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'typescript-7-'));
  const installed = join(folder, 'node_modules/nestjs-refresh-token');
  await cp(join(root, 'dist/schematics'), join(installed, 'dist/schematics'), { recursive: true });
  await cp(join(root, 'package.json'), join(installed, 'package.json'));
  // What its main file exports.
  await mkdir(join(folder, 'node_modules/typescript'), { recursive: true });
  await writeFile(join(folder, 'node_modules/typescript/index.js'), "exports.version = '7.0.2';");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test.each([
  ['add/add.js', 'add', {}],
  ['add/add.js', 'add', { project: 'shop' }],
  ['guarded-resource/guarded-resource.js', 'guardedResource', { name: 'cats' }],
])('%s says which TypeScript it needs (%s, %j)', async (file, name, options) => {
  const path = join(folder, 'node_modules/nestjs-refresh-token/dist/schematics', file);
  const schematic = (await import(/* @vite-ignore */ pathToFileURL(path).href)) as Record<string, CallableFunction>;
  // The files of an application.
  const tree = { exists: () => true, read: () => Buffer.from('{}'), getDir: () => ({ visit: () => undefined }) };
  const run = async () => (schematic[name](options) as CallableFunction)(tree, {}) as unknown;
  await expect(run()).rejects.toThrow(/Install TypeScript 5 or 6/);
});
