import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuthContext, createAuthContext } from '../support/auth-app.js';
import { createPostgresAt, type TestDatabase } from '../support/databases.js';
import { type RunningPostgres, startEmbeddedPostgres } from '../support/embedded-postgres.js';

const SESSIONS = 80;
const WARM_UP = 3;
const ROUNDS = 10;
/** Of each token. */
const USES = 3;

/** A backend counts for itself, and tells the others at most once a second but when it is told to. */
const FLUSH = 'SELECT pg_stat_force_next_flush()';
const STATISTICS = `
  SELECT n_tup_upd AS updates, n_tup_hot_upd AS in_place, pg_relation_size(relid) AS bytes
  FROM pg_stat_user_tables WHERE relname = 'refresh_tokens'`;

describe('refreshes on PostgreSQL', () => {
  let server: RunningPostgres;
  let database: TestDatabase;
  let context: AuthContext;

  beforeAll(async () => {
    // A server of its own: a version of a row can make room only when no transaction of the whole server, in whatever
    // database, is older. No vacuum comes to help.
    server = await startEmbeddedPostgres('autovacuum=off');
    database = await createPostgresAt(server.url);
    context = await createAuthContext(database, { dataSource: { poolSize: 1 } });
  });
  afterAll(async () => {
    await context?.close();
    await database?.drop();
    await server?.stop();
  });

  it('update rows in place, and the table does not grow', async () => {
    const { service, clock } = context;
    const tokens: string[] = [];
    for (let session = 0; session < SESSIONS; session++) {
      tokens.push((await service.issue({ id: 'user-alice', roles: [] })).refreshToken);
    }
    const refreshAll = async () => {
      clock.advance(60_000);
      for (const [session, token] of tokens.entries()) tokens[session] = (await service.refresh(token)).refreshToken;
    };

    // The first rounds fill the room that the migration's fillfactor has left in each page.
    for (let round = 0; round < WARM_UP; round++) await refreshAll();
    const warm = await statistics();
    for (let round = 0; round < ROUNDS; round++) await refreshAll();
    const end = await statistics();

    const updates = end.updates - warm.updates;
    expect(updates).toBe(SESSIONS * ROUNDS);
    // None would be, were a column indexed that changes.
    expect(end.inPlace - warm.inPlace).toBe(updates);
    expect(end.bytes).toBe(warm.bytes);
  });

  it('repeats and retries do so, too', async () => {
    const { service, clock } = context;
    const tokens: string[] = [];
    for (let session = 0; session < SESSIONS; session++) {
      tokens.push((await service.issue({ id: 'user-bob', roles: [] })).refreshToken);
    }
    // Three uses of each token, so that the lists of uses are longer than those of the first test.
    const refreshAll = async (round: number) => {
      clock.advance(60_000);
      for (const [session, token] of tokens.entries()) {
        let next = token;
        for (let use = 0; use < USES; use++) {
          const idempotencyKey = `key-of-a-use-${round}-${use}`;
          next = (await service.refresh(token, {}, {}, { idempotencyKey })).refreshToken;
        }
        tokens[session] = next;
      }
    };

    for (let round = 0; round < WARM_UP; round++) await refreshAll(round);
    const warm = await statistics();
    for (let round = 0; round < ROUNDS; round++) await refreshAll(WARM_UP + round);
    const end = await statistics();

    const updates = end.updates - warm.updates;
    expect(updates).toBe(SESSIONS * ROUNDS * USES);
    expect(end.inPlace - warm.inPlace).toBe(updates);
    expect(end.bytes).toBe(warm.bytes);
  });

  async function statistics(): Promise<{ updates: number; inPlace: number; bytes: number }> {
    const { dataSource } = context;
    await dataSource.query(FLUSH);
    const [row] = await dataSource.query(STATISTICS);
    return { updates: Number(row.updates), inPlace: Number(row.in_place), bytes: Number(row.bytes) };
  }
});
