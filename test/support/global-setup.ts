import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { serveBuild } from './build.js';
import { startEmbeddedPostgres, type RunningPostgres } from './embedded-postgres.js';
import { galeraAvailable } from './galera.js';
import { mountsAvailable } from './mounts.js';
import { nginxAvailable } from './nginx.js';
import { pgbouncerAvailable } from './pgbouncer.js';
import { postgresServersAvailable } from './postgres-servers.js';
import { mariadbAnswers, postgresAnswers, printable, redisAnswers } from './reachable.js';
import { redisServersAvailable } from './redis-servers.js';
import { wrongClocksAvailable } from './wrong-clock.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** A server on which tests may create databases. */
    postgresUrl: string;
    /** A server on which tests may create databases; `undefined` if it is not available. */
    mariadbUrl: string | undefined;
    /** `undefined` if it is not available. */
    redisUrl: string | undefined;
    /** The program; `undefined` if it is not installed. */
    chromium: string | undefined;
    /** The program; `undefined` if it is not installed. */
    firefox: string | undefined;
    /** A folder that is removed after the run. */
    scratch: string;
  }
}

const LOCAL_POSTGRES = 'postgres://postgres@127.0.0.1:5432/test';

/** Finds the servers to test against, once per run. PostgreSQL is always tested; the others where they are there. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const mariadbUrl = process.env.TEST_MARIADB_URL || 'mysql://root@127.0.0.1:3306/test';
  const redisUrl = process.env.TEST_REDIS_URL || 'redis://127.0.0.1:6379';
  const [mariadb, redis] = await Promise.all([mariadbAnswers(mariadbUrl), redisAnswers(redisUrl)]);

  const missing: string[] = [];
  if (!mariadb) missing.push(`MariaDB not reachable at ${printable(mariadbUrl)}`);
  if (!redis) missing.push(`Redis not reachable at ${printable(redisUrl)}`);
  const chromium = findChromium();
  if (!chromium) missing.push('Chromium not found (TEST_CHROMIUM names it)');
  const firefox = findFirefox();
  if (!firefox) missing.push('Firefox not found (TEST_FIREFOX names it)');
  if (!nginxAvailable) missing.push('nginx not found at /usr/sbin/nginx');
  if (!pgbouncerAvailable) missing.push('PgBouncer not found at /usr/sbin/pgbouncer');
  if (!galeraAvailable) missing.push('Galera not found (the packages mariadb-server, galera-4 and rsync)');
  if (!wrongClocksAvailable) missing.push('libfaketime not found (the package faketime)');
  if (!postgresServersAvailable) missing.push('No programs of PostgreSQL in /usr/lib/postgresql');
  if (!redisServersAvailable) missing.push('redis-server, redis-sentinel or setpriv not found in /usr/bin');
  if (!mountsAvailable) missing.push('File systems cannot be mounted (root may)');
  if (missing.length > 0 && process.env.REQUIRE_SERVICES === '1') {
    throw new Error(`${missing.join('; ')}; REQUIRE_SERVICES=1 asks for every service to be tested.`);
  }
  for (const line of missing) console.warn(`${line}: its tests are skipped`);

  const stopBuilding = await serveBuild();
  const scratch = await mkdtemp(join(tmpdir(), 'nestjs-refresh-token-tests-'));
  // Last, so that nothing above can fail and leave an embedded server running.
  const postgres = await findPostgres();
  project.provide('postgresUrl', postgres.url);
  project.provide('mariadbUrl', mariadb ? mariadbUrl : undefined);
  project.provide('redisUrl', redis ? redisUrl : undefined);
  project.provide('chromium', chromium);
  project.provide('firefox', firefox);
  project.provide('scratch', scratch);
  return async () => {
    stopBuilding();
    await rm(scratch, { recursive: true, force: true });
    await postgres.stop();
  };
}

async function findPostgres(): Promise<RunningPostgres> {
  const named = process.env.TEST_POSTGRES_URL;
  const url = named || LOCAL_POSTGRES;
  if (await postgresAnswers(url)) return { url, stop: async () => undefined };
  if (named) throw new Error(`PostgreSQL not reachable at ${printable(named)}, which TEST_POSTGRES_URL names.`);

  return startEmbeddedPostgres();
}

function findChromium(): string | undefined {
  // The same engine without its windows opens a page in a third of the time.
  const places = [
    '/usr/bin/chromium-headless-shell',
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
  ];
  return firstOf(process.env.TEST_CHROMIUM, places);
}

function findFirefox(): string | undefined {
  return firstOf(process.env.TEST_FIREFOX, ['/usr/bin/firefox-esr', '/usr/bin/firefox']);
}

function firstOf(named: string | undefined, places: string[]): string | undefined {
  return (named ? [named] : places).find((path) => existsSync(path));
}
