import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { DataSource, type DataSourceOptions, DefaultNamingStrategy } from 'typeorm';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type AuthContext, createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { onEveryKeptDatabase } from '../support/kept-database.js';

type Options = Partial<DataSourceOptions>;

class OwnTableName extends DefaultNamingStrategy {
  override tableName(targetName: string, userSpecifiedName: string | undefined): string {
    return userSpecifiedName === 'refresh_tokens'
      ? 'Signed-in Devices'
      : `Our ${super.tableName(targetName, userSpecifiedName)}`;
  }
}

class CamelCase extends DefaultNamingStrategy {
  override columnName(propertyName: string): string {
    return propertyName;
  }
}

const names: { by: string; options: Options; table: string }[] = [
  { by: 'entityPrefix', options: { entityPrefix: 'my_app_' }, table: 'my_app_refresh_tokens' },
  { by: 'a table name of its own', options: { namingStrategy: new OwnTableName() }, table: 'Signed-in Devices' },
  { by: 'columns in camel case', options: { namingStrategy: new CamelCase() }, table: 'refresh_tokens' },
];

const makers: { maker: string; made: Options }[] = [
  { maker: 'our migrations', made: {} },
  { maker: "the host's synchronize", made: { migrations: [], synchronize: true } },
];

describe.for(makers)("the host's names, in a table made by $maker", ({ made }) => {
  onEveryKeptDatabase((restart) => {
    it.for(names)('$by', async ({ options, table }) => {
      const context = await restart({ dataSource: { ...made, ...options, dropSchema: true } as Options });
      expect(context.dataSource.getMetadata(RefreshToken).tableName).toBe(table);
      await executeEveryStatement(context);
    });
  });

  it('a schema, on postgres', async () => {
    const database = await databaseNamed('postgres').create();
    onTestFinished(() => database.drop());
    const host = await new DataSource(database.options([], [])).initialize();
    await host.query('CREATE SCHEMA "Auth"').finally(() => host.destroy());

    const inSchema: object = { schema: 'Auth', retryAttempts: 0 };
    const context = await createAuthContext(database, { dataSource: { ...made, ...inSchema } });
    onTestFinished(() => context.close());
    expect(context.dataSource.getMetadata(RefreshToken).tablePath).toBe('Auth.refresh_tokens');
    await executeEveryStatement(context);
  });
});

async function executeEveryStatement({ service, clock }: AuthContext): Promise<void> {
  const alice = { id: 'user-alice', roles: [] };
  const proof = { thumbprint: 'jkt', id: 'proof', issuedAt: clock.now(), lifetime: 60_000 };
  const bound = await service.issue(alice, {}, {}, { dpop: proof });
  await expect(service.refresh(bound.refreshToken, {}, { dpop: proof })).rejects.toMatchObject({
    code: 'invalid_dpop_proof',
  });
  await service.revoke(bound.sessionId, 'logout');
  const [first, second] = [await service.issue(alice), await service.issue(alice)];
  await service.refresh(first.refreshToken);
  expect(await service.list(alice.id)).toHaveLength(2);
  expect(await service.revoke(first.sessionId, 'logout')).toBe(true);
  expect(await service.revokeAllOfUser(alice.id, 'logout_all')).toBe(1);
  await expect(service.refresh(second.refreshToken)).rejects.toMatchObject({ code: 'invalid_grant' });
  clock.advance(8 * 86_400_000);
  expect(await service.purge()).toBe(3);
}
