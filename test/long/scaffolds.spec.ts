import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DemoProcess, startDemo } from '../support/demo-process.js';
import { bearer, login, refresh, send } from '../support/http.js';
import { pack } from '../support/packed.js';
import { root } from '../support/root.js';
import { registryAnswers } from '../support/registry.js';

const execute = promisify(execFile);

/** What fetches packages. */
const online = describe.skipIf(!(await registryAnswers()));

/** Milliseconds; packages are fetched. */
const TIMEOUT = 600_000;
const scaffolder = join(root, 'node_modules/@angular-devkit/schematics-cli/bin/schematics.js');

let parent: string;
let tarball: string;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'nest-add-'));
  tarball = (await pack(parent)).path;
}, TIMEOUT);
afterAll(() => rm(parent, { recursive: true, force: true }));

/** How each variant of the scaffold runs its tests. Jest needs a newer Node.js than 20 to load Nest 12 from CommonJS. */
const variants = [
  { type: 'esm', testing: ['npm', 'test'] },
  { type: 'cjs', testing: ['npx', '-y', 'node@24', '--experimental-vm-modules', 'node_modules/jest/bin/jest.js'] },
];

online.each(variants)('in a fresh application ($type)', { timeout: TIMEOUT }, ({ type, testing }) => {
  let folder: string;
  let app: DemoProcess | undefined;
  const run = async (command: string, ...args: string[]) => {
    const env: NodeJS.ProcessEnv = {
      ...process.env,
      npm_config_prefer_offline: 'true',
      npm_config_audit: 'false',
      CI: 'true',
    };
    // Vitest's own variables would reach the tests of the application.
    for (const name of Object.keys(env)) if (/^(VITEST|NODE_ENV|NODE_OPTIONS|TEST)/.test(name)) delete env[name];
    const { stdout, stderr } = await execute(command, args, { cwd: folder, env, maxBuffer: 2 ** 26 });
    return stdout + stderr;
  };
  const nest = (...args: string[]) => run('npx', 'nest', ...args);
  const read = (path: string) => readFile(join(folder, path), 'utf8');
  const sources = () => readdir(join(folder, 'src'), { recursive: true }).then((names) => names.sort());

  beforeAll(async () => {
    folder = parent;
    const options = ['--language=ts', '--package-manager=npm', '--strict', '--observe=false'];
    await run(
      process.execPath,
      scaffolder,
      '@nestjs/schematics:application',
      `--name=${type}`,
      `--type=${type}`,
      ...options,
    );
    folder = join(parent, type);
    await run('npm', 'install', tarball);
  }, TIMEOUT);

  afterAll(async () => {
    app?.kill('SIGKILL');
    await app?.exited;
  });

  test('nest add --dry-run says what it would do, and does nothing', async () => {
    const before = [await sources(), await read('src/app.module.ts'), await read('package.json')];
    const said = await nest('add', 'nestjs-refresh-token', '--skip-install', '--dry-run');
    expect(said).toContain('src/auth-users/auth-users.service.ts');
    expect([await sources(), await read('src/app.module.ts'), await read('package.json')]).toEqual(before);
    expect(existsSync(join(folder, '.env'))).toBe(false);
  });

  test('nest add and nest generate write what builds, and passes its tests', async () => {
    await nest('add', 'nestjs-refresh-token', '--skip-install');
    await run('npm', 'install');
    await nest('generate', '-c', 'nestjs-refresh-token', 'guarded-resource', 'cats');
    const written = ['app.module.ts', 'auth-users', 'cats', 'database-options.ts'].map((path) => `src/${path}`);
    await run('npx', 'prettier', '--check', ...written);
    await run('npm', 'run', 'build');
    const [command, ...args] = testing;
    expect(await run(command, ...args)).toMatch(/cats\.controller\.spec\.ts/);
  });

  test('nest add changes nothing when it runs again', async () => {
    const state = async () => Promise.all(['src/app.module.ts', 'package.json', '.env', '.gitignore'].map(read));
    const before = await state();
    await nest('add', 'nestjs-refresh-token', '--skip-install');
    expect(await state()).toEqual(before);
  });

  test('then a user signs in, refreshes and signs out, once the user provider knows them', async () => {
    const provider = join(folder, 'src/auth-users/auth-users.service.ts');
    const bodies = [
      "return username === 'alice' && password === 'alice-password' ? { id: '1', roles: ['user'] } : null;",
      "return id === '1' ? { id, roles: ['user'] } : null;",
    ];
    await writeFile(
      provider,
      (await readFile(provider, 'utf8')).replace(/return null;/g, () => bodies.shift()!),
    );
    await run('npm', 'run', 'build');
    app = await startDemo({}, { script: join(folder, 'dist/main.js'), cwd: folder, readyPath: '/' });

    const signedIn = await login(app.url, { username: 'alice', password: 'alice-password', transport: 'body' });
    expect(signedIn.status).toBe(200);
    const refreshed = await refresh(app.url, signedIn.body.refresh_token);
    expect(refreshed.status).toBe(200);
    const headers = bearer(refreshed.body.access_token);
    expect(await send('GET', `${app.url}/cats`, { headers })).toMatchObject({ status: 200, body: { owner: '1' } });
    expect((await send('GET', `${app.url}/cats/all`, { headers })).status).toBe(403);
    expect((await send('GET', `${app.url}/cats`)).status).toBe(401);
    const body = { refresh_token: refreshed.body.refresh_token };
    expect((await send('POST', `${app.url}/auth/logout`, { body })).status).toBe(204);
    expect((await refresh(app.url, refreshed.body.refresh_token)).status).toBe(401);
    expect(app.output()).not.toContain(/AUTH_SECRET=(.*)/.exec(await read('.env'))![1]);
    await app.stop();
  });
});
