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
  'common/tracing',
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
  'streams',
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

/** What each part of `src` may import of the others by path. */
const PARTS: Record<string, readonly string[]> = {
  auth: [],
  client: [],
  pglite: [],
  schematics: [],
  integrations: ['auth'],
  demo: [],
};
/** Browsers know no package names. */
const BY_PATH = 'demo/page/client.ts';

const PACKAGE = 'nestjs-refresh-token';
/** Only the demo imports the library by its package name, through its doors. */
const THROUGH_THE_DOORS = 'demo';

interface Import {
  readonly file: string;
  /** A path below `src`, or the name of a package. */
  readonly target: string;
  readonly byPath: boolean;
}

const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .map(posix)
  .filter((file) => file.endsWith('.ts'));

const imports: Import[] = files.flatMap((file) => {
  const { importedFiles } = ts.preProcessFile(readFileSync(join(root, 'src', file), 'utf8'), true, true);
  return importedFiles.map(({ fileName }) => {
    const byPath = fileName.startsWith('.');
    const target = byPath ? posix(normalize(join(dirname(file), fileName))).replace(/\.js$/, '.ts') : fileName;
    return { file, target, byPath };
  });
});
const byPath = imports.filter((one) => one.byPath);
const byName = imports.filter((one) => !one.byPath);

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
    .replace(/\.ts$/, '')
    .split('/');
  return first === 'common' && rest.length > 0 ? `common/${second}` : first;
}

function told({ file, target }: Import): string {
  return `${file} imports ${target}`;
}

describe('the layers of src/auth', () => {
  const inAuth = (path: string) => partOf(path) === 'auth';

  it('have a place for every file', () => {
    const homeless = files.filter((file) => inAuth(file) && !LAYERS.includes(layerOf(file)));
    expect(homeless).toEqual([]);
  });

  it('all have files', () => {
    const layers = new Set(files.filter(inAuth).map(layerOf));
    expect(LAYERS.filter((layer) => !layers.has(layer))).toEqual([]);
  });

  it('import nothing that lies above them', () => {
    const uphill = byPath
      .filter(({ file, target }) => inAuth(file) && inAuth(target))
      .filter(({ file, target }) => LAYERS.indexOf(layerOf(file)) < LAYERS.indexOf(layerOf(target)))
      .map((one) => `${told(one)}: the layer ${layerOf(one.target)} lies above ${layerOf(one.file)}`);
    expect(uphill).toEqual([]);
  });
});

describe('the files of src', () => {
  it('import nothing in a circle', () => {
    const targets = new Map(files.map((file) => [file, byPath.filter((one) => one.file === file)]));
    const finished = new Set<string>();
    const circles: string[] = [];
    const visit = (file: string, way: string[]): void => {
      if (way.includes(file)) circles.push([...way.slice(way.indexOf(file)), file].join(' > '));
      else if (!finished.has(file)) {
        for (const { target } of targets.get(file) ?? []) visit(target, [...way, file]);
        finished.add(file);
      }
    };
    for (const file of files) visit(file, []);
    expect(circles).toEqual([]);
  });
});

describe('the parts of src', () => {
  it('import by path only what they may of each other', () => {
    const strange = byPath
      .filter(({ file, target }) => partOf(file) !== partOf(target) && file !== BY_PATH)
      .filter(({ file, target }) => !PARTS[partOf(file)].includes(partOf(target)));
    expect(strange.map(told)).toEqual([]);
  });

  it('leave the name of the package to the demo', () => {
    const own = byName.filter(
      ({ file, target }) => partOf(file) !== THROUGH_THE_DOORS && target.split('/')[0] === PACKAGE,
    );
    expect(own.map(told)).toEqual([]);
  });

  it('need no package in the client, nor anything of Node.js; its entry for React needs React', () => {
    const needed = byName.filter(({ file }) => partOf(file) === 'client');
    const forReact = needed.filter(({ file, target }) => file.startsWith('client/react/') && target === 'react');
    expect(needed.filter((one) => !forReact.includes(one)).map(told)).toEqual([]);
    expect(forReact).not.toEqual([]);
  });

  it('leave React to its own entry', () => {
    const others = byPath.filter(
      ({ file, target }) => target.startsWith('client/react/') && !file.startsWith('client/react/'),
    );
    expect(others.map(told)).toEqual([]);
  });
});
