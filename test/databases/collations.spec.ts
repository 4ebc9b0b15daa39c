import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuthContext, createAuthContext } from '../support/auth-app.js';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { DataSource } from 'typeorm';

const mariadb = databaseNamed('mariadb');

/** Of the host's database, and so of our table. */
const collations = ['utf8mb4_general_ci', 'utf8mb4_bin', 'utf8mb3_general_ci', 'latin1_swedish_ci'];

describe.skipIf(!mariadb.available)('a MariaDB database', () => {
  describe.for(collations)('with the collation %s', (collation) => {
    let database: TestDatabase;
    let context: AuthContext;
    beforeAll(async () => {
      database = await mariadb.create();
      const dataSource = await new DataSource(database.options([], [])).initialize();
      await dataSource.query(`ALTER DATABASE COLLATE ${collation}`);
      await dataSource.destroy();
      context = await createAuthContext(database);
    });
    afterAll(async () => {
      await context?.close();
      await database?.drop();
    });

    it.for(['josé', 'JOSÉ', 'jose', 'jose ', 'ÿ', '€'])(
      'finds the sessions of the user %j, and no others',
      async (id) => {
        const { service, users } = context;
        users.loadUser = async () => ({ id, roles: [] });
        const { sessionId } = await service.issue({ id, roles: [] });
        expect((await service.list(id)).map((session) => session.id)).toEqual([sessionId]);
        expect(await service.revokeAllOfUser(id, 'logout_all')).toBe(1);
        expect(await service.list(id)).toEqual([]);
      },
    );
  });
});
