import pg from 'pg';
import type { Workload } from '../load/measure.js';

/** What `pg` opens at most by default, and so what the demo has. */
export const POOL_SIZE = 10;

/** As long as a list with one use, which a refresh writes. */
const TEXT_OF_12_BYTES = 'x'.repeat(16);

/**
 * The three statements of a refresh, and nothing else: no HTTP, no keys, no library. Bare `pg` sends them as named
 * prepared statements over as many connections to the database as the demo has.
 *
 * @param sessionIds rows that no server uses at the same time, one for each caller
 */
export function pgFloor(databaseUrl: string, sessionIds: readonly string[]): Workload {
  return {
    async open() {
      const pool = new pg.Pool({ connectionString: databaseUrl, max: Math.min(sessionIds.length, POOL_SIZE) });
      return { steps: sessionIds.map((id) => () => refresh(pool, id)), close: () => pool.end() };
    },
  };
}

async function refresh(pool: pg.Pool, id: string): Promise<void> {
  const { rows } = await pool.query({
    name: 'session',
    text: 'SELECT * FROM refresh_tokens WHERE id = $1',
    values: [id],
  });
  const [session] = rows;
  await pool.query({
    name: 'user',
    text: 'SELECT roles, disabled, password_hash FROM users WHERE id = $1',
    values: [session.user_id],
  });
  const now = Date.now();
  const { rowCount } = await pool.query({
    name: 'rotate',
    text:
      'UPDATE refresh_tokens SET generation = generation + 1, lists_version = lists_version + 1, token_hash = $1, ' +
      'key_id = $2, given = $3, given_before = $4, window_generation = $5, window_started_at = $6, last_used_at = $7, ' +
      'ip = $8, user_agent = $9 ' +
      'WHERE id = $10 AND generation = $11 AND lists_version = $12 AND access_floor = $13 AND revoked_at IS NULL',
    values: [
      session.token_hash,
      session.key_id,
      TEXT_OF_12_BYTES,
      session.given,
      session.generation,
      now,
      now,
      session.ip,
      session.user_agent,
      id,
      session.generation,
      session.lists_version,
      session.access_floor,
    ],
  });
  if (rowCount !== 1) throw new Error('The compare-and-set of the floor found its row changed.');
}

/** Doubles the rows of `refresh_tokens`, and gives the ids of the new ones. */
export async function copySessions(databaseUrl: string): Promise<string[]> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  try {
    const { rows } = await client.query<{ id: string }>(
      `INSERT INTO refresh_tokens
       SELECT (jsonb_populate_record(session, jsonb_build_object('id', gen_random_uuid()))).*
       FROM refresh_tokens session RETURNING id`,
    );
    return rows.map(({ id }) => id);
  } finally {
    await client.end();
  }
}
