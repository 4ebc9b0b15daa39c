import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));

/** Milliseconds, as medians over processes that were started one after the other. */
export interface StartUpTimes {
  /** What loading the library adds to loading Nest and TypeORM. */
  import_ms: number;
  /** What the module adds to the start of an application, its first reading of the table included. */
  boot_ms: number;
  samples: number;
}

/** A whole application on an empty database in memory, with and without the library. */
const PROGRAM = `
  import 'reflect-metadata';
  import { Module } from '@nestjs/common';
  import { NestFactory } from '@nestjs/core';
  import { TypeOrmModule } from '@nestjs/typeorm';
  const withLibrary = process.argv[1] === 'with';
  const loading = performance.now();
  const library = withLibrary ? await import('nestjs-refresh-token') : undefined;
  const loaded = performance.now() - loading;
  class Users { async validateCredentials() { return null; } async loadUser() { return null; } }
  class UsersModule {}
  Module({ providers: [Users], exports: [Users] })(UsersModule);
  const entities = library?.refreshTokenEntities ?? [];
  const imports = [TypeOrmModule.forRoot({ type: 'sqljs', entities, synchronize: true }), UsersModule];
  const secret = 'bench-start-up-Vb7nQ2xK9mW4pL8sT3yR6zC1';
  if (library) imports.push(library.AuthModule.forRoot({ imports: [UsersModule], userProvider: Users, secret }));
  class App {}
  Module({ imports })(App);
  const booting = performance.now();
  const app = await NestFactory.create(App, { logger: false });
  await app.init();
  const booted = performance.now() - booting;
  await app.close();
  console.log(JSON.stringify({ loaded, booted }));
`;

/** Alternately, so that what else the machine does meets both. */
export async function measureStartUp(samples = 9): Promise<StartUpTimes> {
  const times = { with: [] as Sample[], without: [] as Sample[] };
  for (let sample = 0; sample < samples; sample++) {
    for (const which of ['without', 'with'] as const) times[which].push(await measured(which));
  }
  return {
    import_ms: median(times.with.map(({ loaded }) => loaded)),
    boot_ms: median(times.with.map(({ booted }) => booted)) - median(times.without.map(({ booted }) => booted)),
    samples,
  };
}

interface Sample {
  loaded: number;
  booted: number;
}

async function measured(which: 'with' | 'without'): Promise<Sample> {
  const options = ['--input-type=module', '--eval', PROGRAM, which];
  const { stdout } = await run(process.execPath, options, { cwd: root });
  return JSON.parse(stdout) as Sample;
}

function median(values: number[]): number {
  return Math.round(values.sort((a, b) => a - b)[Math.floor(values.length / 2)]);
}
