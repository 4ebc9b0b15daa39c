import 'reflect-metadata';
import { readFile } from 'node:fs/promises';
import { inspect } from 'node:util';
import type { DynamicModule, INestApplication, Provider, Type } from '@nestjs/common';
import { NestApplication, NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuthModule } from 'nestjs-refresh-token';
import { refreshTokenEntities, refreshTokenMigrations } from 'nestjs-refresh-token/typeorm';
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

/** Modules in the files of the page that its `AppModule` does not import. */
let otherModules: Type[] = [];

let unhandled: unknown;
process.on('unhandledRejection', (error) => (unhandled = error));
process.on('message', (job: PageJob) => void runPage(job));
answerByTheApplication();
listenOnFreePorts();
const environment = { ...process.env };

async function runPage({ application: files, runs, folder, env }: PageJob): Promise<void> {
  process.chdir(folder);
  process.env = { ...environment, ...env };
  for (const [index, { file, isFile }] of runs.entries()) {
    unhandled = undefined;
    try {
      application ??= await loadApplication(files);
      await (isFile ? runFile(file) : runFragment(file));
      if (unhandled !== undefined) throw unhandled;
      await answer({ index });
    } catch (error) {
      await answer({ index, error: inspect(error) });
    }
  }
  // What does not close ends with the database.
  if (started) await started.then(() => reader.stop()).catch(() => undefined);
  await Promise.all(servers.map((server) => server.close().catch(() => undefined)));
  servers = [];
  otherModules = [];
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

/** A file of the application: it runs in the application, or, if that does not use it, in one made for it. */
async function runFile(file: string): Promise<void> {
  const before = servers.length;
  const exports = (await import(file)) as Record<string, unknown>;
  if (servers.length > before) return; // it has started an application by itself
  await start();
  const unused = classesIn(Object.values(exports)).filter((type) => !isIn(reader.app, type) && !isInOtherModule(type));
  otherModules.push(...unused.filter(isModule));
  await mount(unused, [], {});
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
  if (root) await boot({ module: root });
  const rest = classes.filter((type) => type !== root);
  if (rest.length === 0 && imports.length === 0 && Object.keys(lists).length === 0) return;

  const main = imports.filter((dynamic) => dynamic.module === AuthModule && nameOf(dynamic) === undefined);
  const others = imports.filter((dynamic) => !main.includes(dynamic));
  if (main.length === 0) main.push(AuthModule.forRoot(reader.authOptions));
  for (const auth of main) {
    await boot({
      module: class Sample {},
      imports: [
        TypeOrmModule.forRoot({
          type: 'postgres',
          url: process.env.DATABASE_URL,
          autoLoadEntities: true,
          entities: [...refreshTokenEntities, ...((lists.entities ?? []) as Type[])],
          migrations: [...refreshTokenMigrations, ...((lists.migrations ?? []) as Type[])],
          migrationsRun: true,
          synchronize: true,
        }),
        application!.UsersModule,
        auth,
        ...others,
        ...rest.filter(isModule),
      ],
      controllers: [...rest.filter(isController), ...((lists.controllers ?? []) as Type[])],
      providers: [...rest.filter(isProvider), ...((lists.providers ?? []) as Provider[])],
    });
  }
}

async function boot(module: DynamicModule): Promise<void> {
  const app = await NestFactory.create(module, { logger: ['error', 'fatal'], abortOnError: false });
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
const isModule = (type: Type) =>
  ['imports', 'providers', 'controllers', 'exports'].some((key) => Reflect.hasOwnMetadata(key, type));
const isProvider = (type: Type) =>
  !isController(type) &&
  [
    '__injectable__',
    '__isGateway__',
    'websockets:is_gateway',
    '__filterCatchExceptions__',
    'graphql:resolver_type',
  ].some((key) => Reflect.hasOwnMetadata(key, type));

function isInOtherModule(type: Type): boolean {
  return otherModules.some((module) =>
    ['providers', 'controllers'].some((key) =>
      (Reflect.getMetadata(key, module) as unknown[] | undefined)?.includes(type),
    ),
  );
}

function isIn(app: INestApplication, type: Type): boolean {
  try {
    app.get(type, { strict: false });
    return true;
  } catch (error) {
    return (error as Error).name !== 'UnknownElementException' && !/does not exist/.test((error as Error).message);
  }
}

/** Requests to the addresses of the examples go to the application of the page. */
function answerByTheApplication(): void {
  const platform = globalThis.fetch;
  globalThis.fetch = async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    if (!url.hostname.endsWith('.example') && url.host !== 'localhost:3000') return platform(input, init);
    await start();
    const target = (await reader.app.getUrl()) + url.pathname + url.search;
    return platform(input instanceof Request ? new Request(target, input) : target, init);
  };
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
