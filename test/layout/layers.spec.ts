import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { root } from '../support/root.js';

/** The concepts of `src/auth`, from the bottom up. A file imports its own layer and those above it in this list. */
const LAYERS = [
  'common/errors',
  'common/options',
  'common/logging',
  'common/time',
  'common/crypto',
  'common/request',
  'common/database',
  'common',
  'session',
  'events',
  'user',
  'cookie',
  'device',
  'revocation',
  'binding',
  'access-token',
  'risk',
  'audit',
  'alerts',
  'refresh-token',
  'sign-in',
  'sockets',
  'modules',
  'guards',
  'http',
  'entities',
  'migrations',
  'typeorm',
  'auth-options',
  'auth.module-definition',
  'auth.module',
  'index',
];

/** What each part of `src` may import of the others. */
const PARTS: Record<string, readonly string[]> = {
  auth: [],
  client: [],
  pglite: [],
  schematics: [],
  integrations: ['auth'],
  // It imports the library by its package name, through its doors.
  demo: [],
};
/** Browsers know no package names. */
const BY_PATH = 'demo/page/client.ts';

interface Import {
  readonly file: string;
  readonly target: string;
}

const imports: Import[] = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .flatMap((file) => {
    const { importedFiles } = ts.preProcessFile(readFileSync(join(root, 'src', file), 'utf8'), true, true);
    return importedFiles
      .map(({ fileName }) => fileName)
      .filter((name) => name.startsWith('.'))
      .map((name) => ({ file: posix(file), target: posix(normalize(join(dirname(file), name))) }));
  });

function posix(path: string): string {
  return path.split(sep).join('/');
}

function partOf(path: string): string {
  return path.split('/')[0];
}

/** The layer of a file in `src/auth`: its folder, in `common` the one below, at the top the file itself. */
function layerOf(path: string): string {
  const [first, second, ...rest] = path
    .replace(/^auth\//, '')
    .replace(/\.[jt]s$/, '')
    .split('/');
  return first === 'common' && rest.length > 0 ? `common/${second}` : first;
}

const within = imports.filter(({ file, target }) => partOf(file) === 'auth' && partOf(target) === 'auth');

describe('the layers of src/auth', () => {
  it('have a place for every file', () => {
    const layers = new Set(within.flatMap(({ file, target }) => [layerOf(file), layerOf(target)]));
    expect([...layers].filter((layer) => !LAYERS.includes(layer))).toEqual([]);
    expect(layers.size).toBeGreaterThan(20);
  });

  it('import nothing that lies above them', () => {
    const uphill = within
      .filter(({ file, target }) => LAYERS.indexOf(layerOf(file)) < LAYERS.indexOf(layerOf(target)))
      .map(({ file, target }) => `${file} (${layerOf(file)}) imports ${target} (${layerOf(target)}), a higher layer`);
    expect(uphill).toEqual([]);
  });
});

describe('the parts of src', () => {
  it('import only what they may of each other', () => {
    const strange = imports
      .filter(({ file, target }) => partOf(file) !== partOf(target) && file !== BY_PATH)
      .filter(({ file, target }) => !PARTS[partOf(file)].includes(partOf(target)))
      .map(({ file, target }) => `${file} imports ${target}`);
    expect(strange).toEqual([]);
  });
});
