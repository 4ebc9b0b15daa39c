import { execFile, type ExecFileException } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { samplesOf } from '../support/doc-samples.js';
import { pack } from '../support/packed.js';
import { registryAnswers } from '../support/registry.js';
import { root } from '../support/root.js';

const execute = promisify(execFile);

const SECRET = 'compatibility-Qm7wT2zX9vB4nK6pL1sD8fG3';

/** What fetches packages. */
const online = describe.skipIf(!(await registryAnswers()));

/** Milliseconds; packages are fetched. */
const TIMEOUT = 600_000;

/** The tables of the module, and the list of migrations of TypeORM. */
const TABLES = ['auth_events', 'migrations', 'refresh_tokens', 'session_locks', 'used_dpop_proofs'];

/** What a host sees, whatever ORM has its users. */
const STORY = {
  created: ['credentialsVersion', 'id', 'roles'],
  signIn: [200, 401, 401, 401, 401],
  malformed: 400,
  roles: [['user'], ['user', 'admin']],
  refresh: 200,
  loaded: { ids: true, reads: 1 },
  fewerReadsThanRefreshes: true,
  stepUp: [401, 200],
  changed: { malformed: 400, without: 401, status: 204, kept: 200, other: 'invalid_grant', old: 401, next: 200 },
  // Nothing has changed.
  fails: { status: 500, kept: 200, other: 200, old: 200, next: 401 },
  disabled: 'invalid_grant',
  stop: { inProgress: 200 },
  token: expect.any(String),
};

const TWO_STEPS = {
  secondStepFails: { change: 'thrown', kept: 200, other: 'invalid_grant', old: 200, next: 401 },
  betweenTheSteps: { kept: 200, change: 'done', keptAfter: 200, signedInBetween: 'invalid_grant', next: 200 },
};

/** Of a program that ended well. */
const DONE = { code: 0, output: expect.any(String) as string };

let parent: string;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'orms-'));
  const { path } = await pack(parent);
  await writeFile(join(parent, 'package.json'), '{"type":"module","private":true}');
  const nest = ['common', 'core', 'platform-express', 'jwt', 'passport', 'typeorm', 'mongoose'];
  const packages = [
    path,
    ...nest.map((name) => `@nestjs/${name}@^12`),
    ...['prisma@~7.10.1', '@prisma/client@~7.10.0', '@prisma/adapter-pg@~7.10.1'],
    '@prisma/schema-engine-wasm@7.10.0-7.561d7b42579a2459cc8edf3788918b626c640023',
    ...['drizzle-orm@~0.45.4', 'drizzle-kit@~0.31.11', 'kysely@~0.28.19', 'mongoose@^9'],
    ...['typeorm@^1', 'pg@^8', 'passport@^0.7', 'passport-jwt@^4', 'reflect-metadata', 'rxjs', 'argon2@0.44.0'],
    ...['class-transformer', 'class-validator', 'typescript@^6', '@types/node@^20', '@types/pg'],
  ];
  const options = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'];
  await execute('npm', ['install', ...options, ...packages], { cwd: parent });
}, TIMEOUT);
afterAll(() => rm(parent, { recursive: true, force: true }), TIMEOUT);

interface Application {
  /** In it are the files of the pages, by the paths in their first lines. */
  folder: string;
  /** The files that come later, by the same paths. */
  page: Map<string, string>;
  database: TestDatabase;
  /** Runs a program of the packages. Never rejects: the code is 0 if all is well. */
  run(name: string, ...args: string[]): Promise<{ code: number; output: string }>;
  /** Compiles the TypeScript of `src`. */
  compile(): Promise<void>;
  /** Runs `orms.program.mjs`. */
  start(env?: Record<string, string>): Promise<Record<string, unknown>>;
  query<Row>(sql: string): Promise<Row[]>;
}

/** An application made of these pages; a later one replaces the files of an earlier one. */
async function applicationOf(...names: string[]): Promise<Application> {
  const folder = join(parent, names.at(-1)!);
  const page = new Map<string, string>();
  for (const name of names) {
    const path = `docs/guides/${name}.md`;
    const samples = samplesOf({ path, text: await readFile(join(root, path), 'utf8') });
    for (const { text } of samples) {
      const file = /^\/\/ (\S+\.(?:ts|prisma))(, .*)?$/m.exec(text.split('\n', 1)[0]);
      if (file) page.set(file[1] + (file[2] ?? ''), text);
      if (text.startsWith('CREATE SCHEMA')) page.set('schema.sql', text);
    }
  }
  for (const [file, text] of page) {
    if (file.includes(',')) continue;
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), text);
  }
  await writeFile(join(folder, 'package.json'), '{"type":"module","private":true}');
  const compilerOptions = {
    ...{ module: 'nodenext', target: 'es2023', rootDir: 'src', outDir: 'out', types: ['node'] },
    ...{ strict: true, strictPropertyInitialization: false, skipLibCheck: true },
    ...{ experimentalDecorators: true, emitDecoratorMetadata: true },
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['src'] }));
  await copyFile(join(root, 'test/long/orms.program.mjs'), join(folder, 'story.mjs'));
  const engine = join(folder, 'engine.mjs');
  await copyFile(join(root, 'test/long/prisma-engine.program.mjs'), engine);
  await chmod(engine, 0o755);

  const database = await databaseNamed('postgres').create();
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    NO_COLOR: '1',
    DATABASE_URL: database.url!,
    AUTH_SECRET: SECRET,
    PRISMA_SCHEMA_ENGINE_BINARY: engine,
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
    CHECKPOINT_DISABLE: '1',
  };
  const run = async (name: string, ...args: string[]) => {
    const running = execute(join(parent, 'node_modules/.bin', name), args, { cwd: folder, env });
    running.child.stdin!.end();
    return running.then(
      ({ stdout, stderr }) => ({ code: 0, output: stdout + stderr }),
      ({ code, stdout, stderr }: ExecFileException) => ({ code: Number(code), output: `${stdout}${stderr}` }),
    );
  };
  return {
    folder,
    page,
    database,
    run,
    compile: async () => expect(await run('tsc')).toEqual({ code: 0, output: '' }),
    start: async (more) => {
      const { stdout } = await execute(process.execPath, ['story.mjs'], { cwd: folder, env: { ...env, ...more } });
      return JSON.parse(stdout) as Record<string, unknown>;
    },
    query: async <Row>(sql: string) => {
      const client = new pg.Client({ connectionString: database.url });
      await client.connect();
      const { rows } = await client.query(sql).finally(() => client.end());
      return rows as Row[];
    },
  };
}

/** The tables of the module in this schema of PostgreSQL, and how many rows they have. */
async function sessionsIn({ query }: Application, schema: string) {
  const tables = await query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = '${schema}' ORDER BY table_name`,
  );
  const names = tables.map(({ name }) => name).filter((name) => TABLES.includes(name));
  const counts = names.map((name) => query<{ count: string }>(`SELECT count(*) FROM "${schema}"."${name}"`));
  return Object.fromEntries((await Promise.all(counts)).map(([{ count }], index) => [names[index], Number(count)]));
}

online('with its users in Prisma, an application', { timeout: TIMEOUT }, () => {
  let app: Application;
  let token: unknown;
  beforeAll(async () => {
    app = await applicationOf('prisma');
  }, TIMEOUT);
  afterAll(() => app?.database.drop());

  const prisma = (...args: string[]) => app.run('prisma', ...args);
  const migrations = async () =>
    (await readdir(join(app.folder, 'prisma/migrations'))).filter((name) => /^\d/.test(name));

  test('gets its tables from migrations of Prisma', async () => {
    expect(await prisma('migrate', 'dev', '--name', 'users')).toEqual(DONE);
    expect(await prisma('migrate', 'dev', '--create-only', '--name', 'auth_schema')).toEqual(DONE);
    const name = (await migrations()).find((name) => name.endsWith('auth_schema'))!;
    await writeFile(join(app.folder, 'prisma/migrations', name, 'migration.sql'), app.page.get('schema.sql')!);
    expect(await prisma('migrate', 'dev')).toEqual(DONE);
    expect(await app.query("SELECT 1 FROM information_schema.schemata WHERE schema_name = 'auth'")).toHaveLength(1);
  });

  test('works, and loses nobody when the second of two steps fails', async () => {
    expect(await prisma('generate')).toEqual(DONE);
    await app.compile();
    const seen = await app.start({ DATABASE_URL: `${app.database.url}?schema=public&connection_limit=5` });
    expect(seen).toEqual({ ...STORY, ...TWO_STEPS });
    token = seen.token;
  });

  test('keeps its sessions, whatever Prisma does', async () => {
    const before = await sessionsIn(app, 'auth');
    expect(Object.keys(before)).toEqual(TABLES);
    expect(before.refresh_tokens).toBeGreaterThan(10);

    const inSync = /already in sync|No pending migrations|schema is up to date|empty migration/i;
    for (const command of ['migrate dev', 'migrate deploy', 'migrate status', 'db push']) {
      expect(await prisma(...command.split(' ')), command).toEqual({ code: 0, output: expect.stringMatching(inSync) });
    }
    const diff = ['migrate', 'diff', '--from-config-datasource', '--to-schema', 'prisma/schema.prisma', '--exit-code'];
    expect(await prisma(...diff)).toEqual(DONE);
    const pulled = await prisma('db', 'pull', '--print');
    expect(pulled).toEqual({ code: 0, output: expect.stringContaining('model User') });
    expect(pulled.output).not.toMatch(/refresh_tokens|auth_events/);

    const path = join(app.folder, 'prisma/schema.prisma');
    const schema = await readFile(path, 'utf8');
    await writeFile(path, schema.replace('disabled ', 'nickname String?\n  disabled '));
    expect(await prisma('migrate', 'dev', '--name', 'nickname')).toEqual(DONE);
    const added = (await migrations()).find((name) => name.endsWith('nickname'))!;
    const sql = await readFile(join(app.folder, 'prisma/migrations', added, 'migration.sql'), 'utf8');
    expect(sql.replace(/\s+/g, ' ').trim()).toBe('-- AlterTable ALTER TABLE "users" ADD COLUMN "nickname" TEXT;');

    expect(await sessionsIn(app, 'auth')).toEqual(before);
    expect(await app.start({ REFRESH_TOKEN: token as string })).toEqual({ refresh: 200, token: expect.any(String) });
    const last = await sessionsIn(app, 'auth');
    expect(await prisma('migrate', 'reset', '--force')).toEqual(DONE);
    expect(await sessionsIn(app, 'auth')).toEqual(last);
  });

  test('hears of drift if its sessions are in public, unless Prisma knows each table', async () => {
    await app.query('DROP SCHEMA auth CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public');
    await rm(join(app.folder, 'prisma/migrations'), { recursive: true });
    const module = join(app.folder, 'src/app.module.ts');
    await writeFile(module, app.page.get('src/app.module.ts')!.replace("schema: 'auth',", ''));
    await app.compile();
    expect(await prisma('migrate', 'dev', '--name', 'users')).toEqual(DONE);
    const { token } = await app.start({ ONLY_SIGN_IN: 'yes' });
    const before = await sessionsIn(app, 'public');
    expect(Object.keys(before)).toEqual(TABLES);

    const drift = await prisma('migrate', 'dev');
    expect(drift).toEqual({ code: 130, output: expect.stringMatching(/Drift detected[^]*reset the "public" schema/) });
    const pushed = await prisma('db', 'push');
    expect(pushed).toEqual({ code: 1, output: expect.stringContaining('about to drop the `refresh_tokens` table') });
    expect(await sessionsIn(app, 'public')).toEqual(before);

    const config = [...app.page.keys()].find((name) => name.startsWith('prisma.config.ts,'))!;
    await writeFile(join(app.folder, 'prisma.config.ts'), app.page.get(config)!);
    for (const command of ['migrate dev', 'migrate status', 'db push']) {
      expect(await prisma(...command.split(' ')), command).toEqual(DONE);
    }
    expect(await sessionsIn(app, 'public')).toEqual(before);
    expect(await app.start({ REFRESH_TOKEN: token as string })).toMatchObject({ refresh: 200 });

    // The module has started before the first migration of Prisma.
    await app.query('DROP TABLE users, _prisma_migrations');
    await writeFile(join(app.folder, 'prisma.config.ts'), app.page.get('prisma.config.ts')!);
    const late = await prisma('migrate', 'deploy');
    expect(late).toEqual({ code: 1, output: expect.stringContaining('P3005') });
    await writeFile(join(app.folder, 'prisma.config.ts'), app.page.get(config)!);
    expect(await prisma('migrate', 'deploy')).toEqual(DONE);
    expect(await prisma('migrate', 'reset', '--force')).toEqual(DONE);
    expect(await sessionsIn(app, 'public')).toEqual({});
  });
});

online('with its users in Drizzle, an application', { timeout: TIMEOUT }, () => {
  let app: Application;
  let token: unknown;
  beforeAll(async () => {
    app = await applicationOf('drizzle');
  }, TIMEOUT);
  afterAll(() => app?.database.drop());

  const kit = (...args: string[]) => app.run('drizzle-kit', ...args);

  test('gets its tables from migrations of Drizzle, and works', async () => {
    expect(await kit('generate', '--name', 'users')).toEqual(DONE);
    expect(await kit('generate', '--custom', '--name', 'auth_schema')).toEqual(DONE);
    const name = (await readdir(join(app.folder, 'drizzle'))).find((name) => name.endsWith('auth_schema.sql'))!;
    await writeFile(join(app.folder, 'drizzle', name), app.page.get('schema.sql')!);
    expect(await kit('migrate')).toEqual(DONE);
    await app.compile();
    const seen = await app.start();
    expect(seen).toEqual(STORY);
    token = seen.token;
  });

  test('keeps its sessions, whatever drizzle-kit does', async () => {
    const before = await sessionsIn(app, 'auth');
    expect(Object.keys(before)).toEqual(TABLES);
    expect(await kit('push', '--force')).toEqual({ code: 0, output: expect.stringContaining('No changes detected') });
    expect(await kit('generate')).toEqual({ code: 0, output: expect.stringContaining('No schema changes') });
    expect(await kit('migrate')).toEqual(DONE);
    const path = join(app.folder, 'src/schema.ts');
    await writeFile(path, (await readFile(path, 'utf8')).replace('disabled:', 'nickname: text(),\n  disabled:'));
    expect(await kit('push', '--force')).toEqual({ code: 0, output: expect.stringContaining('Changes applied') });
    expect(await sessionsIn(app, 'auth')).toEqual(before);
    expect(await app.start({ REFRESH_TOKEN: token as string })).toMatchObject({ refresh: 200 });
  });

  test('loses its sessions if they are in public, and a filter is not enough', async () => {
    await app.query('DROP SCHEMA auth CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public');
    expect(await kit('push')).toEqual(DONE);
    const module = join(app.folder, 'src/app.module.ts');
    await writeFile(module, app.page.get('src/app.module.ts')!.replace("schema: 'auth',", ''));
    await app.compile();
    await app.start({ ONLY_SIGN_IN: 'yes' });
    expect(Object.keys(await sessionsIn(app, 'public'))).toEqual(TABLES);

    const path = join(app.folder, 'drizzle.config.ts');
    const config = await readFile(path, 'utf8');
    const filter = `tablesFilter: ['*', ${TABLES.map((name) => `'!${name}'`).join(', ')}], dialect:`;
    await writeFile(path, config.replace('dialect:', filter));
    const filtered = await kit('push', '--force');
    expect(filtered.output).toContain('cannot drop sequence migrations_id_seq');
    expect(Object.keys(await sessionsIn(app, 'public'))).toEqual(TABLES);

    await writeFile(path, config);
    expect(await kit('push', '--force')).toEqual(DONE);
    expect(await sessionsIn(app, 'public')).toEqual({});
  });
});

online('with its users in Kysely, an application', { timeout: TIMEOUT }, () => {
  test('works, and the code for Mongoose compiles', async () => {
    const app = await applicationOf('drizzle', 'kysely-mongoose');
    try {
      for (const name of ['schema.ts', 'users/disable-user.ts']) await rm(join(app.folder, 'src', name));
      await app.compile();
      await writeFile(
        join(app.folder, 'migrate.mjs'),
        `import { Database } from './out/database.js';
        import { up } from './out/migrations/2026-01-01-users.js';
        const database = new Database();
        await up(database);
        await database.onApplicationShutdown();`,
      );
      await execute(process.execPath, ['migrate.mjs'], {
        cwd: app.folder,
        env: { ...process.env, DATABASE_URL: app.database.url },
      });
      expect(await app.start()).toEqual(STORY);
      expect(Object.keys(await sessionsIn(app, 'auth'))).toEqual(TABLES);
    } finally {
      await app.database.drop();
    }
  });
});
