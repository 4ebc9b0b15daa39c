import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { type DemoProcess, startDemo } from '../support/demo-process.js';
import { filesOf } from '../support/doc-samples.js';
import { bearer, login, refresh, send } from '../support/http.js';
import { pack } from '../support/packed.js';
import { root } from '../support/root.js';

const run = promisify(execFile);

/** As `nest new` makes it, and a route by which the test knows that it is up. */
const SCAFFOLD = {
  'package.json': JSON.stringify({ name: 'scratch', type: 'module' }),
  'tsconfig.json': JSON.stringify({
    compilerOptions: {
      module: 'nodenext',
      target: 'ES2023',
      outDir: 'dist',
      rootDir: 'src',
      strict: true,
      strictPropertyInitialization: false,
      emitDecoratorMetadata: true,
      experimentalDecorators: true,
      isolatedModules: true,
      skipLibCheck: true,
      types: ['node'],
    },
  }),
  'src/main.ts': `
    import { NestFactory } from '@nestjs/core';
    import { AppModule } from './app.module.js';
    const app = await NestFactory.create(AppModule);
    app.getHttpAdapter().get('/health', (_request: unknown, response: { end(): void }) => response.end());
    await app.listen(process.env.PORT!);
  `,
};

describe('the quick start of the README, against the packed package', () => {
  let folder: string;
  let database: TestDatabase;
  let app: DemoProcess;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'quick-start-'));
    database = await databaseNamed('postgres').create();
    for (const [path, text] of Object.entries({ ...SCAFFOLD, ...(await filesOfReadme()) })) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
    await installPacked(folder);
    await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder]);
    app = await startDemo(
      { DATABASE_URL: database.url!, AUTH_SECRET: 'quick-start-quick-start-quick-start' },
      { script: join(folder, 'dist/main.js'), cwd: folder },
    );
  });

  afterAll(async () => {
    app?.kill('SIGKILL');
    await app?.exited;
    await database?.drop();
    await rm(folder, { recursive: true });
  });

  it('signs in, refreshes, and guards a route', async () => {
    const signedIn = await login(app.url, { username: 'alice', password: 'alice-password', transport: 'body' });
    expect(signedIn.status).toBe(200);
    const refreshed = await refresh(app.url, signedIn.body.refresh_token);
    expect(refreshed.status).toBe(200);
    const headers = bearer(refreshed.body.access_token);
    expect(await send('GET', `${app.url}/profile`, { headers })).toMatchObject({
      status: 200,
      body: { id: expect.any(String), roles: ['user'] },
    });
    expect(await send('GET', `${app.url}/profile`)).toMatchObject({ status: 401 });
  });
});

/** The blocks of the README that are files of the application. */
async function filesOfReadme(): Promise<Record<string, string>> {
  const text = await readFile(join(root, 'README.md'), 'utf8');
  const files = [...filesOf({ path: 'README.md', text })];
  return Object.fromEntries(files.map(([path, sample]) => [path, sample.text]));
}

/** The tarball's own contents; everything else as it is installed here. */
async function installPacked(into: string): Promise<void> {
  const { path } = await pack(into);
  const modules = join(into, 'node_modules');
  await mkdir(join(modules, 'nestjs-refresh-token'), { recursive: true });
  await run('tar', ['-xzf', path, '-C', join(modules, 'nestjs-refresh-token'), '--strip-components=1']);
  for (const name of await readdir(join(root, 'node_modules'))) {
    await symlink(join(root, 'node_modules', name), join(modules, name));
  }
}
