import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createDatabase } from './servers/database.js';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));

/** An instance that only reads the revocation list, while sessions are revoked by somebody else. */
export interface RevokedAtOnce {
  sessions: number;
  /** The longest time for which its event loop did nothing else: while they arrive, and in the 40 s after that. */
  longest_stall_ms: { arriving: number; afterwards: number };
  /** From the commit until the instance had all of them. */
  known_after_ms: number;
  /** What its memory grew by. */
  bytes_per_session: number;
}

/** It prints a line when it is ready, and its figures when the sessions are known and 40 s have passed. */
const PROGRAM = `
  import 'reflect-metadata';
  import { monitorEventLoopDelay } from 'node:perf_hooks';
  import { setTimeout as sleep } from 'node:timers/promises';
  import { Module } from '@nestjs/common';
  import { NestFactory } from '@nestjs/core';
  import { TypeOrmModule } from '@nestjs/typeorm';
  import pg from 'pg';
  const { AuthModule, RevocationFeed } = await import('nestjs-refresh-token');
  const { refreshTokenEntities, refreshTokenMigrations } = await import('nestjs-refresh-token/typeorm');
  const [url, count] = process.argv.slice(1);
  class Users { async validateCredentials() { return null; } async loadUser() { return null; } }
  class UsersModule {}
  Module({ providers: [Users], exports: [Users] })(UsersModule);
  class App {}
  Module({ imports: [
    TypeOrmModule.forRoot({ type: 'postgres', url, entities: refreshTokenEntities, migrations: refreshTokenMigrations, migrationsRun: true }),
    AuthModule.forRoot({ imports: [UsersModule], userProvider: Users, secret: 'bench-revoked-Vb7nQ2xK9mW4pL8sT3yR6zC1', purge: { interval: '0s' } }),
  ] })(App);
  const app = await NestFactory.createApplicationContext(App, { logger: false });
  const feed = app.get(RevocationFeed, { strict: false });
  const client = new pg.Client(url);
  await client.connect();
  const now = Date.now();
  const columns = (await client.query("SELECT column_name, data_type, is_nullable FROM information_schema.columns WHERE table_name = 'refresh_tokens'")).rows;
  const values = columns.filter((c) => c.is_nullable === 'NO').map(({ column_name: name, data_type: type }) =>
    [name, type === 'uuid' ? 'gen_random_uuid()' : type === 'bigint' ? (name.endsWith('_at') ? String(now) : '1') : "'x'"]);
  await client.query('INSERT INTO refresh_tokens (' + values.map(([name]) => name).join(', ') + ') SELECT ' + values.map(([, value]) => value).join(', ') + ' FROM generate_series(1, ' + count + ')');
  await client.query('VACUUM ANALYZE refresh_tokens');
  globalThis.gc();
  const before = process.memoryUsage().heapUsed;
  const loop = monitorEventLoopDelay({ resolution: 1 });
  await sleep(1000);
  loop.enable();
  await client.query("UPDATE refresh_tokens SET revoked_at = " + now + ", revoked_reason = 'x', access_floor = 4294967296, floor_raised_at = CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000 AS bigint)");
  const committed = performance.now();
  while (feed.status.floors < Number(count)) await sleep(5);
  const known = performance.now() - committed;
  const arriving = loop.max / 1e6;
  globalThis.gc();
  const grown = process.memoryUsage().heapUsed - before;
  await sleep(1000);
  loop.reset();
  await sleep(40000);
  console.log(JSON.stringify({ arriving, afterwards: loop.max / 1e6, known, bytes: grown / Number(count) }));
  await client.end();
  await app.close();
`;

export async function measureRevokedAtOnce(sessions = 100_000): Promise<RevokedAtOnce> {
  const { url, drop } = await createDatabase();
  try {
    const options = ['--expose-gc', '--input-type=module', '--eval', PROGRAM, url, String(sessions)];
    const { stdout } = await run(process.execPath, options, { cwd: root });
    const { arriving, afterwards, known, bytes } = JSON.parse(stdout) as Record<string, number>;
    return {
      sessions,
      longest_stall_ms: { arriving: Math.round(arriving), afterwards: Math.round(afterwards) },
      known_after_ms: Math.round(known),
      bytes_per_session: Math.round(bytes),
    };
  } finally {
    await drop();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(JSON.stringify(await measureRevokedAtOnce(), undefined, 2));
}
