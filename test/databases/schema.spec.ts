import { DataSource } from 'typeorm';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type AuthContext, createAuthContext } from '../support/auth-app.js';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { recordStatements } from '../support/recorded-statements.js';

const ALICE = { id: 'user-alice', roles: [] };

async function migrated(name: 'postgres' | 'mariadb'): Promise<{ database: TestDatabase; operator: DataSource }> {
  const database = await databaseNamed(name).create();
  onTestFinished(() => database.drop());
  await (await createAuthContext(database)).close();
  const operator = await new DataSource(database.options([], [])).initialize();
  onTestFinished(() => operator.destroy());
  return { database, operator };
}

async function start(database: TestDatabase): Promise<AuthContext> {
  // One connection, so that a change of it is noticed.
  const context = await createAuthContext(database, {
    dataSource: { poolSize: 1, migrations: [] },
    options: { revocation: { delay: '10m' } },
  });
  onTestFinished(() => context.close());
  return context;
}

/** Each statement of ours names the table with its schema. */
async function expectQualified({ service, dataSource, clock }: AuthContext, schema: string): Promise<void> {
  const recording = recordStatements([dataSource]);
  const { refreshToken, sessionId } = await service.issue(ALICE);
  await service.refresh(refreshToken);
  await service.list(ALICE.id);
  await service.revoke(sessionId, 'logout');
  clock.advance(86_400_000 * 40);
  await service.purge();
  const tables = recording.stop().flatMap(({ sql }) => sql.match(/(?:FROM|INTO|UPDATE) ["`][^\s(]+/g) ?? []);
  expect(tables.length).toBeGreaterThan(4);
  expect(tables.filter((table) => !table.includes(schema))).toEqual([]);
}

describe('the schema of the tables', () => {
  test('is found at boot, on postgres', async () => {
    const { database } = await migrated('postgres');
    await expectQualified(await start(database), '"public".');
  });

  test.skipIf(!databaseNamed('mariadb').available)('is the database, on mariadb', async () => {
    const { database } = await migrated('mariadb');
    await expectQualified(await start(database), `\`${new URL(database.url!).pathname.slice(1)}\`.`);
  });

  test.for(['public', 'tenant'])('may be the one of the data source: %s', async (schema) => {
    const { database, operator } = await migrated('postgres');
    if (schema !== 'public') await operator.query(`ALTER SCHEMA public RENAME TO ${schema}`);
    const dataSource = { poolSize: 1, migrations: [], schema } as object;
    const context = await createAuthContext(database, { dataSource, options: { revocation: { delay: '10m' } } });
    onTestFinished(() => context.close());
    await expectQualified(context, `"${schema}".`);
  });

  test('may be the second one of the search path', async () => {
    const { database, operator } = await migrated('postgres');
    await operator.query('CREATE SCHEMA first');
    await operator.query(`ALTER DATABASE ${new URL(database.url!).pathname.slice(1)} SET search_path = first, public`);
    await expectQualified(await start(database), '"public".');
  });

  test('stays the one of the boot, if a connection gets another', async () => {
    const { database, operator } = await migrated('postgres');
    await operator.query('CREATE SCHEMA tenant');
    await operator.query('CREATE TABLE tenant.refresh_tokens (LIKE public.refresh_tokens)');
    const { service, dataSource } = await start(database);
    const { refreshToken } = await service.issue(ALICE);
    await dataSource.query('SET search_path TO tenant');
    await service.refresh(refreshToken);
    const [{ count }] = await operator.query('SELECT count(*) FROM tenant.refresh_tokens');
    expect(count).toBe('0');
  });
});
