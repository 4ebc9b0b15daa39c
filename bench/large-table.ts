import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { type AuthContext, createAuthContext } from '../test/support/auth-app.js';
import { createDatabase } from './servers/database.js';

const run = promisify(execFile);
const program = fileURLToPath(import.meta.url);
const root = fileURLToPath(new URL('..', import.meta.url));

/** Milliseconds of one way to do it, of the other, and how often the second fits into the first. */
export interface Comparison {
  before_ms: number;
  after_ms: number;
  ratio: number;
}

/** What is different in a table of many sessions. */
export interface LargeTableFigures {
  rows: number;
  megabytes: number;
  /** All live rows counted, and the estimate from a sample. */
  count: Comparison & { estimate_of_exact: number };
  /** A purge that reads the table by primary key, in pages of 500, and one that reads it by blocks. */
  purge: Comparison & { removed: number };
}

const DAY = 86_400_000;
/** Sessions that the purge finds. */
const DEAD_OF_THOUSAND = 10;
const PAGE = 500;

/** In a process of its own, which uses the compiled library. */
export async function measureLargeTable(rows: number): Promise<LargeTableFigures> {
  const env = { ...process.env, TSX_TSCONFIG_PATH: 'bench/tsconfig.compiled.json' };
  const { stdout } = await run(process.execPath, ['--import', 'tsx', program, String(rows)], { cwd: root, env });
  return JSON.parse(stdout) as LargeTableFigures;
}

/** Fills a table with generated sessions, and measures what reads all of it. */
async function measure(rows: number): Promise<LargeTableFigures> {
  const { url, drop } = await createDatabase();
  const client = new pg.Client({ connectionString: url });
  let context: AuthContext | undefined;
  try {
    context = await createAuthContext({
      name: 'postgres',
      url,
      options: (entities, migrations, extra) => ({ type: 'postgres', url, entities, migrations, ...extra }) as never,
      drop: async () => undefined,
    });
    await client.connect();
    await fill(client, rows);
    const now = Date.now();
    context.clock.time = now;
    return {
      rows,
      megabytes: Math.round((await numberOf(client, `SELECT pg_relation_size('refresh_tokens') AS number`)) / 2 ** 20),
      count: await compareCounts(client, context, now),
      purge: await comparePurges(client, context, now),
    };
  } finally {
    await context?.close();
    await client.end();
    await drop();
  }
}

/** Used within the last six days, ended long ago, or not used for 30 days. No index slows the filling down. */
async function fill(client: pg.Client, rows: number): Promise<void> {
  const { rows: indexes } = await client.query<{ indexdef: string; indexname: string; conname: string | null }>(
    `SELECT indexdef, indexname, conname FROM pg_indexes LEFT JOIN pg_constraint ON conname = indexname
     WHERE tablename = 'refresh_tokens'`,
  );
  await client.query('ALTER TABLE refresh_tokens SET UNLOGGED');
  for (const { indexname, conname } of indexes) {
    await client.query(
      conname ? `ALTER TABLE refresh_tokens DROP CONSTRAINT "${conname}"` : `DROP INDEX "${indexname}"`,
    );
  }
  await client.query(
    `INSERT INTO refresh_tokens
     SELECT gen_random_uuid(), 'user-' || n / 3, 'default', 'Chrome on Linux', 'profile', 'cookie', n % 1000,
       repeat('h', 43), 'key12345', repeat('s', 43), repeat('g', 16), repeat('g', 16), n, n % 1000, used, 0, 0, 0, 0,
       NULL, NULL, NULL, NULL, NULL, used - ${DAY}, used, used + ${30 * DAY}, NULL, NULL, '203.0.113.7',
       'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36', 'DE', 3320, NULL, 0, 0, used
     FROM generate_series(1, ${rows}) n,
       LATERAL (SELECT CAST(EXTRACT(EPOCH FROM now()) * 1000 AS bigint)
         - CASE WHEN abs(hashint4(n)) % 1000 < ${DEAD_OF_THOUSAND} THEN ${30 * DAY} ELSE n % 518400 * 1000 END AS used) t`,
  );
  await client.query('ALTER TABLE refresh_tokens ADD PRIMARY KEY (id)');
  for (const { indexdef, conname } of indexes) if (!conname) await client.query(indexdef);
  await client.query('VACUUM ANALYZE refresh_tokens');
}

async function compareCounts(client: pg.Client, { service }: AuthContext, now: number) {
  const live = `revoked_at IS NULL AND expires_at > ${now} AND last_used_at > ${now - 7 * DAY}`;
  let exact = 0;
  const before = await timed(
    async () => (exact = await numberOf(client, `SELECT COUNT(*) AS number FROM refresh_tokens WHERE ${live}`)),
  );
  let estimate = 0;
  const after = await timed(async () => (estimate = await service.countLive()));
  return { ...comparison(before, after), estimate_of_exact: Math.round((estimate / exact) * 1000) / 1000 };
}

async function comparePurges(client: pg.Client, { service }: AuthContext, now: number) {
  const before = await timed(() => walkByPrimaryKey(client, now - 7 * DAY));
  let removed = 0;
  const after = await timed(async () => (removed = await service.purge()));
  return { ...comparison(before, after), removed };
}

/** Reads as a purge by primary key does, and removes nothing. */
async function walkByPrimaryKey(client: pg.Client, end: number): Promise<void> {
  const page = {
    name: 'page',
    text: `SELECT id, CASE WHEN expires_at <= $2 OR last_used_at <= $3 OR revoked_at <= $2 THEN 1 ELSE 0 END AS dead
           FROM refresh_tokens WHERE id > $1 ORDER BY id LIMIT ${PAGE}`,
  };
  for (let after: string | undefined = '00000000-0000-0000-0000-000000000000'; after;) {
    const values: unknown[] = [after, end, end - 7 * DAY];
    const { rows }: { rows: { id: string }[] } = await client.query({ ...page, values });
    after = rows.at(-1)?.id;
  }
}

async function numberOf(client: pg.Client, select: string): Promise<number> {
  const { rows } = await client.query<{ number: string }>(select);
  return Number(rows[0].number);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

function comparison(before: number, after: number): Comparison {
  return { before_ms: Math.round(before), after_ms: Math.round(after), ratio: Math.round((before / after) * 10) / 10 };
}

if (process.argv[1] === program) console.log(JSON.stringify(await measure(Number(process.argv[2]))));
