import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { describe, expect, it } from 'vitest';
import { createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { onEveryKeptDatabase } from '../support/kept-database.js';

const ALICE = { id: 'user-alice', roles: [] };

describe('preparedStatements', () => {
  onEveryKeptDatabase((restart) => {
    it.for([true, false])('%s: every statement works', async (preparedStatements) => {
      const purge = { interval: '0s', retention: '1d' };
      const { service, dataSource, clock } = await restart({
        options: { preparedStatements, purge },
        dataSource: { poolSize: 1 },
      });
      const [first, second] = [await service.issue(ALICE), await service.issue(ALICE)];
      const successor = await service.refresh(first.refreshToken);
      expect((await service.refresh(first.refreshToken)).refreshToken).toBe(successor.refreshToken);
      expect(await service.list(ALICE.id)).toHaveLength(2);
      expect(await service.revoke(second.sessionId, 'logout')).toBe(true);
      expect(await service.revokeAllOfUser(ALICE.id, 'logout_all')).toBe(1);
      clock.advance(86_400_000);
      expect(await service.purge()).toBe(2);
      expect(await dataSource.getRepository(RefreshToken).count()).toBe(0);

      if (dataSource.options.type !== 'postgres') return;
      const prepared = await dataSource.query(`SELECT FROM pg_prepared_statements WHERE name LIKE 'nrt_%'`);
      // PGlite takes the name, and prepares each query anew.
      expect(prepared.length > 0).toBe(preparedStatements && 'url' in dataSource.options);
    });
  });
});

// TypeORM then wraps every query in an object of its own.
describe.skipIf(!databaseNamed('mariadb').available)('enableQueryTimeout of the data source', () => {
  it('leaves every statement as it is', async () => {
    const database = await databaseNamed('mariadb').create();
    const dataSource = { enableQueryTimeout: true, maxQueryExecutionTime: 30_000 };
    const { service, close } = await createAuthContext(database, { dataSource: dataSource as object });
    const { refreshToken } = await service.issue(ALICE);
    expect((await service.refresh(refreshToken)).refreshToken).toMatch(/^nrt_/);
    expect(await service.list(ALICE.id)).toHaveLength(1);
    await close();
    await database.drop();
  });
});
