import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuthConfigurationError, AuthModule } from 'nestjs-refresh-token';
import { refreshTokenEntities, refreshTokenMigrations } from 'nestjs-refresh-token/typeorm';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createAuthContext, HostUsers, HostUsersModule, SECRET } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';

/** Starts an application whose data source says that it is of this type. Resolves to the error. */
async function startOn(type: string): Promise<unknown> {
  const options: DataSourceOptions = {
    type: 'sqljs',
    entities: refreshTokenEntities,
    migrations: refreshTokenMigrations,
  };
  const dataSource = await new DataSource(options).initialize();
  await dataSource.runMigrations();
  Object.defineProperty(dataSource, 'options', { value: { ...dataSource.options, type } });
  const userProvider = { imports: [HostUsersModule], userProvider: HostUsers, secret: SECRET };
  const module = Test.createTestingModule({
    imports: [
      TypeOrmModule.forRootAsync({ useFactory: () => options, dataSourceFactory: async () => dataSource }),
      AuthModule.forRoot(userProvider),
    ],
  });
  try {
    const started = await module.compile();
    onTestFinished(() => started.close());
    await started.init();
    return undefined;
  } catch (error) {
    return error;
  }
}

describe('the engine of the data source', () => {
  const refused = ['cockroachdb', 'aurora-postgres', 'aurora-mysql', 'mssql', 'oracle', 'sap', 'spanner', 'expo'];

  test.for(refused)('%s is refused at boot, with the list of those that are supported', async (type) => {
    const refusal = await startOn(type);
    expect(refusal).toBeInstanceOf(AuthConfigurationError);
    expect(String(refusal)).toContain(`'${type}'`);
    expect(String(refusal)).toContain('postgres, mysql, mariadb, sqljs, better-sqlite3, sqlite');
  });

  test.for(['sqljs', 'better-sqlite3'])('%s starts', async (type) => {
    expect(await startOn(type)).toBeUndefined();
  });

  test('CockroachDB is refused also with the type of PostgreSQL', async () => {
    const database = await databaseNamed('postgres').create();
    onTestFinished(() => database.drop());
    const operator = await new DataSource(database.options([], [])).initialize();
    onTestFinished(() => operator.destroy());
    await operator.query(
      `CREATE FUNCTION public.version() RETURNS text LANGUAGE sql AS $$ SELECT 'CockroachDB CCL v25.2.0 (x86_64)' $$`,
    );
    const name = new URL(database.url!).pathname.slice(1);
    await operator.query(`ALTER DATABASE ${name} SET search_path = public, pg_catalog`);
    const refusal = await createAuthContext(database).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(AuthConfigurationError);
    expect(String(refusal)).toContain('CockroachDB, and not PostgreSQL');
  });
});
