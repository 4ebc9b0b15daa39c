import { RefreshToken, Statement } from 'nestjs-refresh-token/typeorm';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';

const ALICE = { id: 'user-alice', roles: [] };

/** A replica that gets no change is one that is far behind. */
async function emptyReplica(name: 'postgres' | 'mariadb'): Promise<string> {
  const database = await databaseNamed(name).create();
  onTestFinished(() => database.drop());
  await (await createAuthContext(database)).close();
  return database.url!;
}

for (const name of ['postgres', 'mariadb'] as const) {
  describe.skipIf(!databaseNamed(name).available)(`a replica that is behind, on ${name}`, () => {
    test('is read by no statement of the module, and by no Statement', async () => {
      const primary = await databaseNamed(name).create();
      onTestFinished(() => primary.drop());
      const replication = { master: { url: primary.url }, slaves: [{ url: await emptyReplica(name) }] };
      const { service, dataSource, users, close } = await createAuthContext(primary, {
        dataSource: { url: undefined, replication } as object,
        options: { refreshToken: { maxSessionsPerUser: 2 } },
      });
      onTestFinished(close);
      const { refreshToken, sessionId } = await service.issue(ALICE);
      // TypeORM itself reads from the replica.
      expect(await dataSource.getRepository(RefreshToken).count()).toBe(0);

      users.users.set('alice', { ...ALICE, roles: ['editor'] });
      expect(await service.permissionsChanged(ALICE.id)).toBe(1);
      const refreshed = await service.refresh(refreshToken);
      expect(refreshed.generation).toBe(1);
      expect(await service.list(ALICE.id)).toHaveLength(1);
      await service.issue(ALICE);
      await service.issue(ALICE);
      expect(await service.list(ALICE.id)).toHaveLength(2);

      const count = new Statement(dataSource, 'SELECT count(*) AS count FROM refresh_tokens WHERE id = :id');
      const { records } = await count.execute({ id: sessionId });
      expect(Number(records[0].count)).toBe(1);
    });
  });
}
