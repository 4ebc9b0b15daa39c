import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { databaseNamed } from '../support/databases.js';
import { pack, type Packed } from '../support/packed.js';
import { root } from '../support/root.js';
import { registryAnswers } from '../support/registry.js';

const run = promisify(execFile);

const SECRET = 'compatibility-Qm7wT2zX9vB4nK6pL1sD8fG3';
const redisUrl = inject('redisUrl');

/** What fetches packages. */
const online = describe.skipIf(!(await registryAnswers()));

/** Milliseconds; packages are fetched. */
const TIMEOUT = 600_000;

/** What `peerDependencies` claims: each end of each range. */
const hosts = [
  { host: 'Nest 12 and TypeORM 1', nest: '^12', typeorm: '^1', redis: '^6', validator: '^0.15', throttler: '^6.7.1' },
  {
    host: 'Nest 11 and TypeORM 0.3',
    nest: '^11',
    typeorm: '^0.3',
    redis: '^5',
    validator: '^0.14.2',
    throttler: '6.7.0',
  },
];
const runtimes = [
  { runtime: 'this Node.js', command: [process.execPath] },
  { runtime: 'Node.js 24', command: ['npx', '-y', 'node@24'] },
];

let parent: string;
let packed: Packed;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'compatibility-'));
  packed = await pack(parent);
}, TIMEOUT);
afterAll(() => rm(parent, { recursive: true, force: true }), TIMEOUT);

online.each(hosts)('in an application of $host', { timeout: TIMEOUT }, (host) => {
  const { nest, typeorm, redis, validator, throttler } = host;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(parent, 'host-'));
    await writeFile(join(folder, 'package.json'), '{"type":"module","private":true}');
    await copyFile(join(root, 'test/long/peer-ranges.program.mjs'), join(folder, 'smoke.mjs'));
    const packages = ['common', 'core', 'platform-express', 'jwt', 'passport', 'swagger', 'typeorm'];
    const wanted = [
      ...packages.map((name) => `@nestjs/${name}@${nest}`),
      `typeorm@${typeorm}`,
      `redis@${redis}`,
      `class-validator@${validator}`,
      `@nestjs/throttler@${throttler}`,
    ];
    const others = ['passport', 'passport-jwt', 'class-transformer', 'reflect-metadata', 'rxjs', 'pg'];
    const options = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', '--strict-peer-deps'];
    // npm itself refuses what the ranges of the packages do not allow.
    await run('npm', ['install', ...options, packed.path, ...wanted, ...others], { cwd: folder });
  }, TIMEOUT);

  test('the versions are those', async () => {
    const version = async (name: string) =>
      (JSON.parse(await readFile(join(folder, 'node_modules', name, 'package.json'), 'utf8')) as { version: string })
        .version;
    expect(await version('@nestjs/core')).toMatch(new RegExp(`^${nest.slice(1)}\\.`));
    expect(await version('typeorm')).toMatch(new RegExp(`^${typeorm.slice(1).replace('.', '\\.')}\\.`));
  });

  test.each(runtimes)('it works on $runtime', async ({ command: [command, ...args] }) => {
    const database = await databaseNamed('postgres').create();
    try {
      const env = {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        DATABASE_URL: database.url,
        REDIS_URL: redisUrl,
        AUTH_SECRET: SECRET,
      };
      const { stdout } = await run(command, [...args, 'smoke.mjs'], { cwd: folder, env });
      expect(JSON.parse(stdout.trim().split('\n').at(-1)!)).toEqual({
        login: 200,
        refused: 401,
        malformed: 400,
        refresh: 200,
        sameSuccessor: true,
        guarded: 200,
        unguarded: 401,
        forbidden: 403,
        sessions: 1,
        logout: 204,
        revoked: 'token_revoked',
        dead: 'invalid_grant',
        throttled: [401, 429],
        ...(redisUrl !== undefined && { channel: 'connected' }),
      });
    } finally {
      await database.drop();
    }
  });
});
