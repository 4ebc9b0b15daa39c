import { Clock } from 'nestjs-refresh-token';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuthContext, createAuthContext } from '../support/auth-app.js';
import { databaseNamed, type TestDatabase } from '../support/databases.js';

const PARALLEL = 8;
const BLOCK = 40;
const SESSIONS = PARALLEL * BLOCK;
const WARM_UP = 3;
const ROUNDS = 10;

/** Holds a connection for a moment, so that each of those sent at once takes another one. */
const FLUSH = 'SELECT pg_stat_force_next_flush(), pg_sleep(0.2)';
const STATISTICS = `
  SELECT n_tup_upd AS updates, n_tup_hot_upd AS in_place, pg_relation_size(relid) AS bytes
  FROM pg_stat_user_tables WHERE relname = 'refresh_tokens'`;

describe('refreshes on PostgreSQL', () => {
  let database: TestDatabase;
  let context: AuthContext;

  beforeAll(async () => {
    database = await databaseNamed('postgres').create();
    context = await createAuthContext(database, { clock: new Clock(), dataSource: { poolSize: PARALLEL } });
  });
  afterAll(async () => {
    await context?.close();
    await database?.drop();
  });

  it('update rows in place, and the table does not grow', async () => {
    const { service } = context;
    const tokens: string[] = [];
    for (let session = 0; session < SESSIONS; session++) {
      tokens.push((await service.issue({ id: 'user-alice', roles: [] })).refreshToken);
    }
    const refreshAll = () => Promise.all(Array.from({ length: PARALLEL }, (_, block) => refreshBlock(block)));
    // Neighbours in a page do not refresh at the same moment, as sessions of different users do not.
    const refreshBlock = async (block: number) => {
      for (let session = block * BLOCK; session < (block + 1) * BLOCK; session++) {
        tokens[session] = (await service.refresh(tokens[session])).refreshToken;
      }
    };

    // The first rounds fill the room that the migration's fillfactor has left in each page.
    for (let round = 0; round < WARM_UP; round++) await refreshAll();
    const warm = await statistics();
    for (let round = 0; round < ROUNDS; round++) await refreshAll();
    const end = await statistics();

    const updates = end.updates - warm.updates;
    expect(updates).toBe(SESSIONS * ROUNDS);
    // None would be, were a column indexed that changes. The few others found a page pinned by a reader, or full.
    const share = (end.inPlace - warm.inPlace) / updates;
    expect(share).toBeGreaterThan(0.8);
    // Without a vacuum. Rows written elsewhere would have made it ten times as large.
    expect(end.bytes).toBeLessThan(2 * warm.bytes);
  }, 120_000);

  /** The backends count for themselves, and tell the others at most once a second but when they are told to. */
  async function statistics(): Promise<{ updates: number; inPlace: number; bytes: number }> {
    const { dataSource } = context;
    const everyConnection = Array.from({ length: PARALLEL }, () => dataSource.query(FLUSH));
    await Promise.all(everyConnection);
    const [row] = await dataSource.query(STATISTICS);
    return { updates: Number(row.updates), inPlace: Number(row.in_place), bytes: Number(row.bytes) };
  }
});
