import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DemoProcess, startDemo } from '../support/demo-process.js';
import { type AuthBody, bearer, send } from '../support/http.js';
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
afterAll(() => rm(parent, { recursive: true, force: true }), TIMEOUT);

interface Variant {
  name: string;
  /** Makes the application in the folder above it. */
  scaffold: (name: string) => string[];
  testing: string[];
  /** The end-to-end tests, if they run on every version of Node.js. */
  endToEnd?: string[];
  /** The path of the routes. */
  prefix: string;
  /** What the application has before the package is added. */
  own?: Record<string, string>;
}

const scaffold = (type: string) => (name: string) => [
  process.execPath,
  scaffolder,
  '@nestjs/schematics:application',
  `--name=${name}`,
  `--type=${type}`,
  '--language=ts',
  '--package-manager=npm',
  '--strict',
  '--observe=false',
];

/** A sign-in that lives at the routes and names that the package would use. */
const ownSignIn = {
  'src/auth/auth.controller.ts': `import { Controller, Post } from '@nestjs/common';

@Controller('auth')
export class AuthController {
  @Post('login')
  login() {
    return { access_token: 'old' };
  }
}
`,
  'src/auth/auth.module.ts': `import { Module } from '@nestjs/common';
import { AuthController } from './auth.controller';

@Module({ controllers: [AuthController] })
export class AuthModule {}
`,
  'src/app.module.ts': `// The root of the shop.
import { Module } from '@nestjs/common';
import { AppController } from './app.controller';
import { AppService } from './app.service';
import { AuthModule } from './auth/auth.module';

@Module({
  imports: [
    AuthModule, // the sign-in
  ],
  controllers: [AppController],
  providers: [AppService],
})
export class AppModule {}
`,
};

/** How each variant of the scaffold runs its tests. Jest needs a newer Node.js than 20 to load Nest 12 from CommonJS. */
const variants: Variant[] = [
  { name: 'esm', scaffold: scaffold('esm'), testing: ['npm', 'test'], prefix: 'auth' },
  {
    name: 'cjs',
    scaffold: scaffold('cjs'),
    testing: ['npx', '-y', 'node@24', '--experimental-vm-modules', 'node_modules/jest/bin/jest.js'],
    prefix: 'auth',
  },
  {
    name: 'nest11',
    scaffold: (name) =>
      ['npx', '-y', '-p', '@nestjs/cli@11', 'nest', 'new', name].concat(
        '--skip-install',
        '--skip-git',
        '-p',
        'npm',
        '--strict',
      ),
    testing: ['npm', 'test'],
    endToEnd: ['npm', 'run', 'test:e2e'],
    prefix: 'session',
    own: ownSignIn,
  },
];

online.each(variants)('in an application ($name)', { timeout: TIMEOUT }, (variant) => {
  const { name, testing, prefix, own = {} } = variant;
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
    const [command, ...args] = variant.scaffold(name);
    await run(command, ...args);
    folder = join(parent, name);
    for (const [path, text] of Object.entries(own)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
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
    await run('npx', 'prettier', '--check', 'src', 'test', 'package.json', 'nest-cli.json');
    await run('npm', 'run', 'build');
    const [command, ...args] = testing;
    expect(await run(command, ...args)).toMatch(/cats\.controller\.spec\.ts/);
  });

  if (variant.endToEnd) {
    const [command, ...args] = variant.endToEnd;
    test('its end-to-end tests stay green', async () => {
      expect(await run(command, ...args)).toMatch(/1 passed/);
    });
  }

  if (variant.own) {
    test('its own sign-in stays as it is', async () => {
      for (const path of Object.keys(own).filter((each) => each !== 'src/app.module.ts')) {
        expect(await read(path)).toBe(own[path]);
      }
      expect(await read('src/app.module.ts')).toContain('AuthModule, // the sign-in');
    });
  }

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

    const post = (path: string, body: object) => send<AuthBody>('POST', `${app!.url}/${prefix}/${path}`, { body });
    const refresh = (token: string) => post('refresh', { refresh_token: token });
    const signedIn = await post('login', { username: 'alice', password: 'alice-password', transport: 'body' });
    expect(signedIn.status).toBe(200);
    const refreshed = await refresh(signedIn.body.refresh_token);
    expect(refreshed.status).toBe(200);
    const headers = bearer(refreshed.body.access_token);
    expect(await send('GET', `${app.url}/cats`, { headers })).toMatchObject({ status: 200, body: { owner: '1' } });
    expect((await send('GET', `${app.url}/cats/all`, { headers })).status).toBe(403);
    expect((await send('GET', `${app.url}/cats`)).status).toBe(401);
    const body = { refresh_token: refreshed.body.refresh_token };
    expect((await post('logout', body)).status).toBe(204);
    expect((await refresh(refreshed.body.refresh_token)).status).toBe(401);
    if (variant.own) {
      expect(await send('POST', `${app.url}/auth/login`)).toMatchObject({ body: { access_token: 'old' } });
    }
    expect(app.output()).not.toContain(/AUTH_SECRET=(.*)/.exec(await read('.env'))![1]);
    await app.stop();
  });
});
