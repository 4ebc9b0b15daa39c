import { randomUUID } from 'node:crypto';
import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { describe, expect, it } from 'vitest';
import type { AuthContext } from '../support/auth-app.js';
import { onEveryDatabase } from '../support/every-database.js';

/** Below this number of rows the count is exact. */
const BOUND = 20_000;
const CHUNK = 5_000;
const ALICE = { id: 'user-alice', roles: [] };

/** Inserts copies of a session with ids of their own. */
async function copy({ dataSource }: AuthContext, sessionId: string, copies: number): Promise<void> {
  const { columns } = dataSource.getMetadata(RefreshToken);
  const others = columns.map(({ databaseName }) => databaseName).filter((name) => name !== 'id');
  const id = dataSource.options.type === 'postgres' ? 'CAST(ids.id AS uuid)' : 'ids.id';
  await dataSource.query('CREATE TABLE ids (id varchar(36) NOT NULL)');
  for (let from = 0; from < copies; from += CHUNK) {
    const ids = Array.from({ length: Math.min(CHUNK, copies - from) }, () => `('${randomUUID()}')`);
    await dataSource.query(`INSERT INTO ids VALUES ${ids.join(', ')}`);
  }
  await dataSource.query(
    `INSERT INTO refresh_tokens (id, ${others.join(', ')})
     SELECT ${id}, ${others.map((name) => `session.${name}`).join(', ')}
     FROM ids, refresh_tokens session WHERE session.id = '${sessionId}'`,
  );
  await dataSource.query('DROP TABLE ids');
}

describe('the number of live sessions', () => {
  onEveryDatabase({}, (host) => {
    it(
      'is exact in a small table, and an estimate within five percent in a larger one',
      { timeout: 120_000 },
      async () => {
        const { service } = host();
        expect(await service.countLive()).toBe(0);
        const live = await service.issue(ALICE);
        const dead = await service.issue(ALICE);
        await service.revoke(dead.sessionId, 'logout');
        expect(await service.countLive()).toBe(1);

        await copy(host(), live.sessionId, 9_999);
        await copy(host(), dead.sessionId, BOUND - 10_002);
        expect(await service.countLive()).toBe(10_000);

        await copy(host(), live.sessionId, 30_000);
        await copy(host(), dead.sessionId, 10_000);
        const estimate = await service.countLive();
        expect(estimate).toBeGreaterThan(40_000 * 0.95);
        expect(estimate).toBeLessThan(40_000 * 1.05);
      },
    );
  });
});
