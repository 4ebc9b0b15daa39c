import 'reflect-metadata';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { inspect } from 'node:util';
import type { PGlite, PGliteOptions } from '@electric-sql/pglite';
import type { DynamicModule, INestApplication, Provider, Type } from '@nestjs/common';
import type { hash, Options } from 'argon2';
import { NestApplication, NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuthModule } from 'nestjs-refresh-token';
import { refreshTokenEntities, refreshTokenMigrations } from 'nestjs-refresh-token/typeorm';
import { getMetadataArgsStorage } from 'typeorm';
import * as reader from '../docs/reader.js';

// Runs the compiled samples of pages, one page after the other.

/** What the spec sends: a page. */
export interface PageJob {
  /** The files of these classes. */
  application: Record<keyof reader.Application, string>;
  runs: { file: string; isFile: boolean }[];
  /** In which the samples find their files. */
  folder: string;
  env: Record<string, string>;
  usesPglite: boolean;
}

/** What it gets for each sample: the index, and what went wrong. */
export interface Outcome {
  index: number;
  error?: string;
}

export type Answer = Outcome | 'done';

/** What the running fragment wants to have registered, by `imports`, `providers` and so on. */
let registered: Record<string, unknown[]> = {};

/** The compiled fragments call this with their expressions. */
export function use<T>(list: string, value: T): T {
  (registered[list] ??= []).push(...[value].flat());
  return value;
}

let application: reader.Application | undefined;
let started: Promise<void> | undefined;
const start = () => (started ??= reader.start(application!));

/** How many classes were entities when the tables of the page were created. */
let tables = 0;

let unhandled: unknown;
process.on('unhandledRejection', (error) => (unhandled = error));
const environment = { ...process.env };

async function runPage({ application: files, runs, folder, env, usesPglite }: PageJob): Promise<void> {
  cookies.clear();
  tables = 0;
  if (usesPglite) await (pgliteIsFast ??= startPgliteFast());
  process.chdir(folder);
  process.env = { ...environment, ...env };
  // Not those that start a server.
  const applicationFiles = runs
    .filter(({ file, isFile }) => isFile && !file.endsWith('main.js'))
    .map(({ file }) => file);
  for (const [index, { file, isFile }] of runs.entries()) {
    unhandled = undefined;
    try {
      application ??= await loadApplication(files);
      await (isFile ? runFile(file, applicationFiles) : runFragment(file));
      if (unhandled !== undefined) throw unhandled;
      await answer({ index });
    } catch (error) {
      tables = 0; // the failed start may not have created them
      await answer({ index, error: inspect(error) });
    }
  }
  // What does not close ends with the database.
  if (started) await started.then(() => reader.stop()).catch(() => undefined);
  await Promise.all(servers.map((server) => server.close().catch(() => undefined)));
  servers = [];
  application = started = undefined;
  await answer('done');
}

async function answer(message: Answer): Promise<void> {
  await new Promise((resolve) => process.send!(message, resolve));
}

async function loadApplication(files: PageJob['application']): Promise<reader.Application> {
  const load = async (name: keyof reader.Application) => ((await import(files[name])) as Record<string, never>)[name];
  const loaded = {
    AppModule: await load('AppModule'),
    UsersModule: await load('UsersModule'),
    UsersService: await load('UsersService'),
  };
  reader.useOptions(loaded);
  return loaded;
}

/** A file of the application: its classes run in the application, or, if that does not use them, in one made for them. */
async function runFile(file: string, files: string[]): Promise<void> {
  const before = servers.length;
  await import(file);
  if (servers.length > before) return; // it has started an application by itself
  await start();
  const unused = (await classesOf([file])).filter((type) => !isIn(reader.app, type));
  const all = (await classesOf(files)).filter((type) => !isIn(reader.app, type));
  const registered = all.flatMap((type) => METADATA.flatMap((key) => (Reflect.getMetadata(key, type) ?? []) as Type[]));
  const alone = unused.filter((type) => !registered.includes(type));
  if (alone.length === 0) return;
  const dependencies = all.filter((type) => isProvider(type) && !registered.includes(type) && !alone.includes(type));
  await mount([...alone, ...dependencies], [], {});
}

async function classesOf(files: string[]): Promise<Type[]> {
  const modules = await Promise.all(files.map((file) => import(file) as Promise<Record<string, unknown>>));
  return classesIn(modules.flatMap((exports) => Object.values(exports))).filter(
    (type) => isModule(type) || isController(type) || isProvider(type),
  );
}

async function runFragment(file: string): Promise<void> {
  const text = await readFile(file, 'utf8');
  const [, names = ''] = /^import \{ ([^}]*) \} from '[^']*\/docs\/reader\.js'/m.exec(text) ?? [];
  if (names.split(', ').some((name) => name !== '' && name !== 'authOptions')) {
    await start();
    await reader.signIn();
  }
  registered = {};
  const { $classes } = (await import(file)) as { $classes: unknown[] };
  const { imports = [], ...lists } = registered;
  await mount(classesIn($classes), imports as DynamicModule[], lists);
}

/** Starts an application with these, for each of the modules that could be its `AuthModule`. */
async function mount(classes: Type[], imports: DynamicModule[], lists: Record<string, unknown[]>): Promise<void> {
  const root = classes.find((type) => type.name === 'AppModule');
  // A fragment may leave out the database.
  if (root) await boot(hasDatabase(root) ? { module: root } : { module: class Sample {}, imports: [database(), root] });
  const rest = classes.filter((type) => type !== root);
  if (rest.length === 0 && imports.length === 0 && Object.keys(lists).length === 0) return;

  const main = imports.filter((dynamic) => dynamic.module === AuthModule && nameOf(dynamic) === undefined);
  const others = imports.filter((dynamic) => !main.includes(dynamic));
  if (main.length === 0) main.push(AuthModule.forRoot(reader.authOptions));
  for (const auth of main) {
    await boot({
      module: class Sample {},
      imports: [database(lists), application!.UsersModule, auth, ...others, ...rest.filter(isModule)],
      controllers: [...rest.filter(isController), ...((lists.controllers ?? []) as Type[])],
      providers: [...rest.filter(isProvider), ...((lists.providers ?? []) as Provider[])],
    });
  }
}

function database({ entities = [], migrations = [] }: Record<string, unknown[]> = {}): DynamicModule {
  const changed = hasNewTables() || migrations.length > 0;
  return TypeOrmModule.forRoot({
    type: 'postgres',
    url: process.env.DATABASE_URL,
    autoLoadEntities: true,
    entities: [...refreshTokenEntities, ...(entities as Type[])],
    migrations: [...refreshTokenMigrations, ...(migrations as Type[])],
    migrationsRun: changed,
    synchronize: changed,
  });
}

function hasDatabase(root: Type): boolean {
  const imports = (Reflect.getMetadata('imports', root) ?? []) as DynamicModule[];
  return imports.some(({ module, imports }) => module === TypeOrmModule && imports !== undefined);
}

/** Creating tables takes most of the time of a start. */
function hasNewTables(): boolean {
  const known = tables;
  tables = getMetadataArgsStorage().tables.length;
  return tables !== known;
}

async function boot(module: DynamicModule): Promise<void> {
  const app = await NestFactory.create(module, { logger: false, abortOnError: false });
  await app.init();
  await app.close();
}

function nameOf({ providers = [] }: DynamicModule): string | undefined {
  for (const provider of providers) {
    const value: unknown = 'useValue' in provider ? provider.useValue : undefined;
    if (value?.constructor.name === 'AuthRegistration') return (value as { name?: string }).name;
  }
}

const classesIn = (values: unknown[]) =>
  values.filter((value): value is Type => typeof value === 'function' && /^class\b/.test(String(value)));
const isController = (type: Type) => Reflect.hasOwnMetadata('__controller__', type);
const METADATA = ['imports', 'providers', 'controllers', 'exports'];
const isModule = (type: Type) => METADATA.some((key) => Reflect.hasOwnMetadata(key, type));
const isProvider = (type: Type) =>
  !isController(type) &&
  [
    '__injectable__',
    '__isGateway__',
    'websockets:is_gateway',
    '__filterCatchExceptions__',
    'graphql:resolver_type',
  ].some((key) => Reflect.hasOwnMetadata(key, type));

function isIn(app: INestApplication, type: Type): boolean {
  try {
    app.get(type, { strict: false });
    return true;
  } catch (error) {
    return !(error as Error).message.includes('does not exist in the current context'); // else it has another scope
  }
}

/**
 * The samples of the client are in a page of https://app.example, with its cookies. Requests to the addresses of the examples go
 * to the application of the page of the documentation.
 */
function answerByTheApplication(): void {
  Object.assign(globalThis, { location: { href: 'https://app.example/' } });
  const platform = globalThis.fetch;
  globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    const url = new URL(request.url);
    if (!url.hostname.endsWith('.example') && url.host !== 'localhost:3000') return platform(request);
    await start();
    const { headers } = request;
    if (cookies.size > 0) headers.set('cookie', [...cookies.values()].join('; '));
    const body = request.body ? await request.arrayBuffer() : undefined;
    const { method, signal } = request;
    const target = (await reader.app.getUrl()) + url.pathname + url.search;
    const response = await platform(target, { method, headers, body, signal });
    for (const cookie of response.headers.getSetCookie()) cookies.set(cookie.split('=', 1)[0], cookie.split(';', 1)[0]);
    return response;
  };
}

const cookies = new Map<string, string>();

let pgliteIsFast: Promise<void> | undefined;

/** The first start of an embedded database takes seconds. Those in memory start from a copy of one. */
async function startPgliteFast(): Promise<void> {
  const { PGlite } = await import('@electric-sql/pglite');
  const create = PGlite.create.bind(PGlite) as (options: PGliteOptions) => Promise<PGlite>;
  const first = await create({});
  const loadDataDir = await first.dumpDataDir('none');
  await first.close();
  const fast = (options: PGliteOptions) => create(options.dataDir ? options : { loadDataDir, ...options });
  Object.assign(PGlite, { create: fast });
}

/** Hashes for tests do not have to be strong. The samples name no parameters, and get the defaults. */
function hashFast(): void {
  const argon2 = createRequire(import.meta.url)('argon2') as { hash: typeof hash };
  const { hash: slow } = argon2;
  argon2.hash = ((password: string, options?: Options) =>
    slow(password, { timeCost: 2, memoryCost: 1024, parallelism: 1, ...options })) as typeof hash;
}

/** What samples have started. */
let servers: INestApplication[] = [];

/** A sample that starts a server must not need a certain port. */
function listenOnFreePorts(): void {
  const { listen } = NestApplication.prototype;
  NestApplication.prototype.listen = async function (this: NestApplication) {
    servers.push(this);
    return listen.call(this, 0, '127.0.0.1') as unknown;
  } as typeof listen;
}

answerByTheApplication();
listenOnFreePorts();
hashFast();
process.on('message', (job: PageJob) => void runPage(job));
