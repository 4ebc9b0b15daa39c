import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pack } from '../support/packed.js';
import { root } from '../support/root.js';
import { registryAnswers } from '../support/registry.js';

const run = promisify(execFile);

/** What fetches packages. */
const online = describe.skipIf(!(await registryAnswers()));

/** Milliseconds; packages are fetched. */
const TIMEOUT = 600_000;

/** How many tests the program has. */
const TESTS = 3;

const JEST = ['node_modules/jest/bin/jest.js', '--colors=false'];
const VITEST = ['node_modules/vitest/vitest.mjs', 'run', '--globals', '--reporter=default', '--no-color'];

interface Variant {
  /** The version of Nest. */
  nest: string;
  modules: 'CommonJS' | 'ES modules';
  runner: string;
  /** The runner, and one end of the range of supertest. */
  packages: string[];
  command: string[];
  file: string;
}

const variants: Variant[] = [
  {
    nest: '^11',
    modules: 'CommonJS',
    runner: 'Jest',
    packages: ['jest@^30', 'supertest@^6.3.0'],
    command: JEST,
    file: 'orders.spec.js',
  },
  {
    nest: '^11',
    modules: 'ES modules',
    runner: 'Vitest',
    packages: ['vitest@~4.1.12', 'supertest@^7'],
    command: VITEST,
    file: 'orders.spec.mjs',
  },
  {
    nest: '^12',
    modules: 'ES modules',
    runner: 'Jest',
    packages: ['jest@^30', 'supertest@^7'],
    command: ['--experimental-vm-modules', ...JEST, '--testMatch', '**/*.spec.mjs'],
    file: 'orders.spec.mjs',
  },
  {
    nest: '^12',
    modules: 'ES modules',
    runner: 'Vitest',
    packages: ['vitest@~4.1.12', 'supertest@^7'],
    command: VITEST,
    file: 'orders.spec.mjs',
  },
];

let parent: string;
let tarball: string;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'testing-entry-point-'));
  tarball = (await pack(parent)).path;
}, TIMEOUT);
afterAll(() => rm(parent, { recursive: true, force: true }), TIMEOUT);

online.each(variants)('with $runner and Nest $nest in $modules', { timeout: TIMEOUT }, (variant) => {
  const { nest, modules, packages, command, file } = variant;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(parent, 'host-'));
    const program = await readFile(join(root, 'test/long/testing-entry-point.program.mjs'), 'utf8');
    const isCommonJs = modules === 'CommonJS';
    await writeFile(join(folder, 'package.json'), '{"private":true}');
    await writeFile(join(folder, file), isCommonJs ? inCommonJs(program) : program);
    const names = ['common', 'core', 'platform-express', 'jwt', 'passport', 'testing', 'typeorm'];
    const own = names.map((name) => `@nestjs/${name}@${nest}`);
    const others = ['typeorm', 'passport', 'passport-jwt', 'class-transformer', 'class-validator', 'reflect-metadata'];
    const options = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'];
    await run('npm', ['install', ...options, tarball, ...own, ...others, 'rxjs', ...packages], {
      cwd: folder,
    });
  }, TIMEOUT);

  test('a test of a controller works without a database', async () => {
    const env = { PATH: process.env.PATH, HOME: process.env.HOME };
    const { stdout, stderr } = await run(process.execPath, command, { cwd: folder, env });
    expect(stdout + stderr).toMatch(new RegExp(`Tests +${TESTS} passed|Tests: +${TESTS} passed`));
  });
});

/** As a compiler of TypeScript writes it for CommonJS. */
function inCommonJs(program: string): string {
  return program
    .replace(/^import (\{.*\}) from ('.*');$/gm, 'const $1 = require($2);')
    .replace(/^import (\w+) from ('.*');$/gm, 'const $1 = require($2);')
    .replace(/^import ('.*');$/gm, 'require($1);');
}
