import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { type DemoProcess, startDemo } from '../test/support/demo-process.js';
import { startEmbeddedPostgres } from '../test/support/embedded-postgres.js';
import { bearer, login, send } from '../test/support/http.js';
import { postgresAnswers, redisAnswers } from '../test/support/reachable.js';

/** From when the logout was sent to one process, to when another was first seen to refuse the access token. */
export interface RevocationTimes {
  median_ms: number;
  worst_ms: number;
  samples: number;
}

export interface RevocationFigures {
  /** With the default delay of a second. */
  polling: RevocationTimes;
  /** `undefined` where there is no Redis. */
  redis: RevocationTimes | undefined;
}

const SAMPLES = 200;
/** Milliseconds from one revocation to the next: no multiple of the time between two readings, so that all phases occur. */
const SPACING = 97;
/** Milliseconds between two questions. */
const INTERVAL = 5;
const LIMIT = 30_000;

const POSTGRES = process.env.TEST_POSTGRES_URL || 'postgres://postgres@127.0.0.1:5432/test';
const REDIS = process.env.TEST_REDIS_URL || 'redis://127.0.0.1:6379';

/** Measures how soon a session that is ended on one process is refused by another, on one PostgreSQL. */
export async function measureRevocation(): Promise<RevocationFigures> {
  const server = (await postgresAnswers(POSTGRES))
    ? { url: POSTGRES, stop: async () => undefined }
    : await startEmbeddedPostgres();
  try {
    const polling = await onTwoProcesses(server.url, { REVOCATION_DELAY: '1s' });
    // Read so seldom that whatever arrives has come by Redis.
    const byRedis = { REVOCATION_DELAY: '10m', REDIS_URL: REDIS };
    const redis = (await redisAnswers(REDIS)) ? await onTwoProcesses(server.url, byRedis) : undefined;
    return { polling, redis };
  } finally {
    await server.stop();
  }
}

async function onTwoProcesses(server: string, settings: Record<string, string>): Promise<RevocationTimes> {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  const name = `bench_${randomBytes(6).toString('hex')}`;
  await client.query(`CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  const env = { DATABASE_URL: url.href, AUTH_SECRET: randomBytes(32).toString('base64'), ...settings };
  const demos: DemoProcess[] = [];
  try {
    for (let started = 0; started < 2; started++) demos.push(await startDemo(env));
    return await measure(demos[0], demos[1], settings.REDIS_URL !== undefined);
  } finally {
    await Promise.all(demos.map((demo) => demo.stop()));
    await client.query(`DROP DATABASE ${name} WITH (FORCE)`);
    await client.end();
  }
}

async function measure(here: DemoProcess, there: DemoProcess, byRedis: boolean): Promise<RevocationTimes> {
  if (byRedis) await Promise.all([here, there].map(connected));
  const sessions: string[] = [];
  while (sessions.length < SAMPLES) sessions.push(await signIn(here));
  await timeUntilRefused(here, there, await signIn(here)); // so that every connection is open

  const times = await Promise.all(
    sessions.map(async (accessToken, index) => {
      await sleep(index * SPACING);
      return timeUntilRefused(here, there, accessToken);
    }),
  );
  times.sort((a, b) => a - b);
  return { median_ms: rounded(times[SAMPLES / 2]), worst_ms: rounded(times[SAMPLES - 1]), samples: SAMPLES };
}

async function connected({ output }: DemoProcess): Promise<void> {
  const until = performance.now() + LIMIT;
  while (!output().includes('The revocation channel is connected')) {
    if (performance.now() > until) throw new Error(`No connection to Redis:\n${output()}`);
    await sleep(INTERVAL);
  }
}

async function signIn({ url }: DemoProcess): Promise<string> {
  const { status, body } = await login(url, { username: 'alice', password: 'alice-password', transport: 'body' });
  if (status !== 200) throw new Error(`The login was answered with ${status}.`);
  return body.access_token;
}

async function timeUntilRefused(here: DemoProcess, there: DemoProcess, accessToken: string): Promise<number> {
  const headers = bearer(accessToken);
  const sentAt = performance.now();
  const { status } = await send('POST', `${here.url}/auth/logout`, { headers });
  if (status !== 204) throw new Error(`The logout was answered with ${status}.`);
  while ((await send('GET', `${there.url}/profile`, { headers })).status !== 401) {
    if (performance.now() - sentAt > LIMIT) throw new Error(`A revocation has not arrived within ${LIMIT} ms.`);
    await sleep(INTERVAL);
  }
  return performance.now() - sentAt;
}

function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(JSON.stringify(await measureRevocation(), undefined, 2));
}
