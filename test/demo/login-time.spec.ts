import argon2 from 'argon2';
import { refreshTokenEntities, refreshTokenMigrations } from 'nestjs-refresh-token/typeorm';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { CreateUsers1790000000001 } from '../../src/demo/users/create-users.migration.js';
import { seedUsers } from '../../src/demo/users/seed-users.js';
import { User } from '../../src/demo/users/user.entity.js';
import { UsersService } from '../../src/demo/users/users.service.js';
import { databaseNamed } from '../support/databases.js';

/** The parameters in the text form of a hash: `$argon2id$v=19$m=…,t=…,p=…$…`. */
const parametersOf = (hash: unknown) => String(hash).split('$').slice(1, 4).join(' ');

/** How long it takes by the clock is measured by `bench/login-time.ts`. */
describe('a login at the demo takes as long', () => {
  let dataSource: DataSource;
  let users: UsersService;
  beforeAll(async () => {
    const database = await databaseNamed('pglite').create();
    const migrations = [...refreshTokenMigrations, CreateUsers1790000000001];
    dataSource = await new DataSource(database.options([...refreshTokenEntities, User], migrations)).initialize();
    await dataSource.runMigrations();
    await seedUsers(dataSource);
    users = new UsersService(dataSource);
    await users.onModuleInit();
    await users.update(await users.idOf('bob'), { disabled: true });
  });
  afterAll(() => dataSource.destroy());

  const logins = [
    ['alice', 'alice-password', true],
    ['alice', 'wrong-password', false],
    ['bob', 'bob-password', false],
    ['bob', 'wrong-password', false],
    ['nobody', 'alice-password', false],
    ['nobody', 'nobody has this password', false],
  ] as const;

  test.each(logins)('for %s / %s: one argon2id of the same cost', async (username, password, right) => {
    const verify = vi.spyOn(argon2, 'verify');
    const user = await users.validateCredentials(username, password);
    const parameters = verify.mock.calls.map(([hash]) => parametersOf(hash));
    verify.mockRestore();
    expect(user !== null).toBe(right);
    expect(parameters).toEqual(['argon2id v=19 m=19456,t=2,p=1']);
  });
});
