import type { INestApplication, Type } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { mkdir, mkdtemp, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type AuthEvent, AuthEventBus, Clock, RefreshTokenService } from 'nestjs-refresh-token';
import { DataSource, getMetadataArgsStorage } from 'typeorm';
import { afterAll, beforeAll, inject } from 'vitest';
import { type Adapter, ManualClock, SECRET } from './auth-app.js';
import { databaseNamed } from './databases.js';
import { filesOf, readPages, START_PAGE } from './doc-samples.js';
import { freePort } from './free-port.js';
import { withDataSource } from './own-data-source.js';
import { root } from './root.js';

/** The application of a page of the documentation, which listens. */
export interface PageHost {
  app: INestApplication;
  url: string;
  /** The same server under a name of which browsers take `Secure` cookies. */
  origin: string;
  clock: ManualClock;
  service: RefreshTokenService;
  dataSource: DataSource;
  events: AuthEvent[];
  /** What the files of the page export, by its names. */
  exported: Record<string, never>;
}

export interface PageHostSetup {
  page: string;
  /** The modules of the page that the application imports. */
  modules: string[];
  imports?: unknown[];
  controllers?: Type[];
  /** Environment variables of the page. `PUBLIC_URL` is the origin of the server. */
  env?: Record<string, string>;
  /** Before the modules are made. */
  prepare?: (exported: Record<string, never>) => void;
  configure?: (host: PageHost) => void;
}

/**
 * The application of the first page, with the modules of this page: the very code that its readers copy. It listens while the
 * tests of this block run.
 */
export function pageHost(adapter: Adapter, setup: PageHostSetup): PageHost {
  const host = {} as PageHost;
  let drop = async () => {};
  beforeAll(async () => {
    const database = await databaseNamed('postgres').create();
    drop = database.drop;
    const port = await freePort();
    const [url, origin] = [`http://127.0.0.1:${port}`, `http://localhost:${port}`];
    const env = { AUTH_SECRET: SECRET, DATABASE_URL: database.url!, PUBLIC_URL: origin, ...setup.env };
    const before = { ...process.env };
    Object.assign(process.env, env);
    try {
      const exported = await filesAsModules(setup.page);
      setup.prepare?.(exported);
      const module = await Test.createTestingModule({
        imports: [
          withDataSource(exported.AppModule, database.url!, entitiesIn(exported)),
          ...setup.modules.map((name) => exported[name]),
          ...((setup.imports ?? []) as []),
        ],
        controllers: setup.controllers,
      })
        .overrideProvider(Clock)
        .useValue(new ManualClock())
        .compile();
      const app = module.createNestApplication(adapter === 'express' ? new ExpressAdapter() : new FastifyAdapter());
      const events: AuthEvent[] = [];
      Object.assign(host, {
        app,
        url,
        origin,
        events,
        exported,
        clock: module.get(Clock),
        service: module.get(RefreshTokenService),
        dataSource: module.get(DataSource),
      });
      module.get(AuthEventBus).subscribe((event) => void events.push(event));
      setup.configure?.(host);
      await app.listen(port, '127.0.0.1');
    } finally {
      for (const name of Object.keys(env)) if (!(name in before)) delete process.env[name];
      Object.assign(process.env, before);
    }
  });
  afterAll(async () => {
    host.app?.getHttpServer().closeAllConnections?.();
    await host.app?.close();
    await drop();
  });
  return host;
}

/** The entities of the page. */
function entitiesIn(exported: Record<string, never>): Type[] {
  const targets = new Set<unknown>(getMetadataArgsStorage().tables.map(({ target }) => target));
  return Object.values(exported).filter((one) => targets.has(one));
}

/** Vitest compiles the files, as those of the tests, and gives them the sources of the library. */
async function filesAsModules(path: string): Promise<Record<string, never>> {
  const pages = await readPages();
  const files = new Map(
    [START_PAGE, path].flatMap((wanted) => [...filesOf(pages.find((page) => page.path === wanted)!)]),
  );
  const folder = await mkdtemp(join(inject('scratch'), 'page-host-'));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: COMPILER_OPTIONS }));
  const exported: Record<string, never> = {};
  for (const [name, { text }] of files) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  for (const name of files.keys()) {
    if (!/\.(page|client)\.ts$/.test(name))
      Object.assign(exported, await import(/* @vite-ignore */ join(folder, name)));
  }
  return exported;
}

/** As an application of the Nest CLI has it. */
const COMPILER_OPTIONS = {
  target: 'ES2022',
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  useDefineForClassFields: false,
};
