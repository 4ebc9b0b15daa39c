import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pack, type Packed } from '../support/packed.js';
import { root } from '../support/root.js';

const run = promisify(execFile);

interface Manifest {
  exports: Record<string, string | { default: string; require?: string }>;
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
  peerDependenciesMeta: Record<string, { optional?: boolean }>;
}

interface SourceMap {
  sources: string[];
  sourcesContent?: (string | null)[];
}

let folder: string;
let packed: Packed;
let manifest: Manifest;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'package-'));
  packed = await pack(folder);
  manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as Manifest;
});
afterAll(() => rm(folder, { recursive: true }));

const packageOf = (specifier: string) => /^(@[^/]+\/)?[^/]+/.exec(specifier)![0];

/** The packages that a file imports when it is loaded, and those that its own files do. */
async function importedBy(file: string, seen = new Set<string>()): Promise<Set<string>> {
  const packages = new Set<string>();
  if (seen.has(file)) return packages;
  seen.add(file);
  const source = ts.createSourceFile(file, await readFile(file, 'utf8'), ts.ScriptTarget.Latest);
  for (const statement of source.statements) {
    if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) continue;
    const specifier = (statement.moduleSpecifier as ts.StringLiteral | undefined)?.text;
    if (specifier === undefined || specifier.startsWith('node:')) continue;
    if (!specifier.startsWith('.')) packages.add(packageOf(specifier));
    else for (const name of await importedBy(join(file, '..', specifier), seen)) packages.add(name);
  }
  return packages;
}

const entries = () =>
  Object.entries(manifest.exports).flatMap(([entry, target]) =>
    typeof target === 'string' ? [] : [{ entry, file: join(root, target.default), commonjs: target.require }],
  );

describe('the published package', () => {
  test('holds the library, its schematics and its dashboard, and no demo, no tests, no build information', () => {
    const expected =
      /^(dist\/(auth|client|commonjs|integrations|pglite|schematics)\/|src\/schematics\/.*\.json$|grafana\/|(package\.json|README|LICENSE|CHANGELOG|SECURITY))/;
    expect(packed.files.filter((path) => !expected.test(path))).toEqual([]);
    expect(packed.files.filter((path) => /demo|\.spec\.|tsbuildinfo|\.env/.test(path))).toEqual([]);
    for (const file of ['dist/auth/index.js', 'dist/auth/index.d.ts', 'src/schematics/collection.json', 'LICENSE']) {
      expect(packed.files).toContain(file);
    }
  });

  test('can be debugged: every source map of it holds the sources that it speaks of', async () => {
    const unpacked = join(folder, 'unpacked');
    await mkdir(unpacked);
    await run('tar', ['-xzf', packed.path, '-C', unpacked, '--strip-components=1']);
    const maps = packed.files.filter((path) => path.endsWith('.map'));
    expect(maps).toContain('dist/auth/index.js.map');
    for (const path of maps) {
      const map = JSON.parse(await readFile(join(unpacked, path), 'utf8')) as SourceMap;
      expect(map.sourcesContent?.filter((text) => text !== null).length, path).toBe(map.sources.length);
    }
    const code = packed.files.filter((path) => path.endsWith('.js'));
    for (const path of code) {
      const named = /^\/\/# sourceMappingURL=(.*)$/m.exec(await readFile(join(unpacked, path), 'utf8'))?.[1];
      if (named !== undefined) expect(maps).toContain(join(path, '..', named));
    }
  });

  test('is found right by publint', async () => {
    const { messages } = await publint({ pack: { tarball: await tarballBuffer() }, strict: true });
    expect(messages.map((message) => formatMessage(message, manifest))).toEqual([]);
  });

  test('has types that every way of importing finds', async () => {
    const analysis = await checkPackage(createPackageFromTarballData(new Uint8Array(await tarballBuffer())));
    // Node.js requires the ES modules, so their types are right; the check does not know the condition `module-sync`. The
    // resolution of before Node.js 12 has no entry points.
    const expected = new Set(['CJSResolvesToESM', 'FalseESM', 'NoResolution']);
    const problems = 'problems' in analysis ? analysis.problems : ['no types'];
    const unexpected = problems.filter((problem) => {
      if (typeof problem === 'string' || !expected.has(problem.kind)) return true;
      return problem.kind === 'NoResolution' && problem.resolutionKind !== 'node10';
    });
    expect(unexpected).toEqual([]);
  });

  test('asks for every package that it imports', async () => {
    const asked = new Set(Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }));
    for (const { entry, file } of entries()) {
      const missing = [...(await importedBy(file))].filter((name) => !asked.has(name));
      expect(missing, entry).toEqual([]);
    }
  });

  test('loads no optional package from its main entry', async () => {
    const main = await importedBy(join(root, 'dist/auth/index.js'));
    const optional = Object.keys(manifest.peerDependenciesMeta);
    expect([...main].filter((name) => optional.includes(name))).toEqual([]);
  });

  test('has one copy of each entry in a process, whether it is imported or required', async () => {
    const names = entries().map(({ entry }) => join('nestjs-refresh-token', entry));
    const script = `
      for (const name of ${JSON.stringify(names)}) {
        const [required, imported] = [require(name), await import(name)];
        if (Object.keys(imported).length === 0) throw new Error(name + ' exports nothing');
        for (const key in imported) if (imported[key] !== required[key]) throw new Error(name + ' has two copies of ' + key);
      }
    `;
    expect(await ran(script)).toContain('done');
  });

  test('has the same names in its CommonJS, which Jest loads', async () => {
    const pairs = entries().flatMap(({ commonjs, file }) =>
      commonjs ? [{ file, commonjs: join(root, commonjs) }] : [],
    );
    expect(pairs.length).toBeGreaterThan(10);
    const script = `
      for (const { file, commonjs } of ${JSON.stringify(pairs)}) {
        const missing = Object.keys(await import(file)).filter((key) => require(commonjs)[key] === undefined);
        if (missing.length > 0) throw new Error(commonjs + ' lacks ' + missing);
      }
    `;
    expect(await ran(script)).toContain('done');
  });
});

/** Runs the script in the package. */
async function ran(script: string): Promise<string> {
  const program = `require('reflect-metadata'); (async () => { ${script}; console.log('done'); })();`;
  return (await run(process.execPath, ['-e', program], { cwd: root })).stdout;
}

async function tarballBuffer(): Promise<ArrayBuffer> {
  const [name] = (await readdir(folder)).filter((file) => file.endsWith('.tgz'));
  const bytes = await readFile(join(folder, name));
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
}
