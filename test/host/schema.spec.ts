import { AuthConfigurationError } from 'nestjs-refresh-token';
import {
  RefreshTokenColumns,
  refreshTokenEntities,
  refreshTokenMigrations,
  refreshTokenMigrationsFor,
  RefreshTokenTable,
} from 'nestjs-refresh-token/typeorm';
import {
  Column,
  CreateDateColumn,
  DataSource,
  type DataSourceOptions,
  DefaultNamingStrategy,
  DeleteDateColumn,
  Entity,
  ManyToOne,
  type MigrationInterface,
  type NamingStrategyInterface,
  PrimaryColumn,
  type QueryRunner,
  Table,
  UpdateDateColumn,
  VersionColumn,
} from 'typeorm';
import { afterEach, describe, expect, test } from 'vitest';
import { type AuthContext, createAuthContext } from '../support/auth-app.js';
import { databaseNamed, type DatabaseName, type TestDatabase } from '../support/databases.js';
import { verdict } from '../support/instances.js';

@Entity({ name: 'host_users' })
class HostUser {
  @PrimaryColumn({ type: 'varchar', length: 36 })
  id: string;
}

/** A table of sessions with columns of the host's own, of each kind that TypeORM has. */
@RefreshTokenTable('host_sessions')
class HostSession extends RefreshTokenColumns {
  @Column({ type: 'varchar', length: 20, default: 'web' })
  channel: string;

  @Column({ type: 'boolean', default: false, comment: 'set by support' })
  flagged: boolean;

  @Column({ type: 'varchar', length: 20, nullable: true, select: false })
  note: string | null;

  @CreateDateColumn({ name: 'inserted_at' })
  insertedAt: Date;

  @UpdateDateColumn({ name: 'touched_at' })
  touchedAt: Date;

  @DeleteDateColumn({ name: 'deleted_at' })
  deletedAt: Date | null;

  @VersionColumn({ name: 'row_version' })
  rowVersion: number;

  @ManyToOne(() => HostUser, { onDelete: 'SET NULL' })
  owner: HostUser | null;
}

class CreateHostUsers1600000000000 implements MigrationInterface {
  readonly name = 'CreateHostUsers1600000000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    const { connection } = queryRunner;
    await queryRunner.createTable(Table.create(connection.getMetadata(HostUser), connection.driver), true);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.dropTable(queryRunner.connection.getMetadata(HostUser).tablePath);
  }
}

class SnakeNames extends DefaultNamingStrategy implements NamingStrategyInterface {
  override tableName(targetName: string, userSpecified: string | undefined): string {
    return userSpecified ?? snake(targetName);
  }

  override columnName(propertyName: string, customName: string | undefined, prefixes: string[]): string {
    return snake([...prefixes, customName ?? propertyName].join('_'));
  }

  override joinColumnName(relationName: string, referencedColumnName: string): string {
    return snake(`${relationName}_${referencedColumnName}`);
  }

  override indexName(): string {
    return 'never used: ours have names';
  }
}

/** Renames everything, also what has a name. */
class ShoutedNames extends DefaultNamingStrategy {
  override tableName(targetName: string, userSpecified: string | undefined): string {
    return `T_${(userSpecified ?? targetName).toUpperCase()}`;
  }

  override columnName(propertyName: string, customName: string | undefined, prefixes: string[]): string {
    return `C_${[...prefixes, customName ?? propertyName].join('_').toUpperCase()}`;
  }
}

const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).replace(/^_/, '');

const entities = [...refreshTokenEntities, HostSession, HostUser];
const migrations = [CreateHostUsers1600000000000, ...refreshTokenMigrations, ...refreshTokenMigrationsFor(HostSession)];

interface Kind {
  name: string;
  on: DatabaseName;
  extra?: object;
}

const kinds: Kind[] = [
  { name: 'postgres', on: 'postgres' },
  { name: 'mariadb', on: 'mariadb' },
  { name: 'mysql', on: 'mariadb', extra: { type: 'mysql' } },
  { name: 'sqljs', on: 'sqljs' },
];

const opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function created({ on }: Kind): Promise<TestDatabase> {
  const database = await databaseNamed(on).create();
  opened.push(() => database.drop());
  return database;
}

async function open(database: TestDatabase, { extra }: Kind, more: object = {}): Promise<DataSource> {
  const options = database.options(entities, migrations, { ...extra, ...more } as Partial<DataSourceOptions>);
  const dataSource = await new DataSource(options).initialize();
  opened.push(async () => dataSource.isInitialized && dataSource.destroy());
  return dataSource;
}

async function differences(dataSource: DataSource): Promise<string[]> {
  return (await dataSource.driver.createSchemaBuilder().log()).upQueries.map(({ query }) => query);
}

async function expectNothingToDo(dataSource: DataSource, kind: Kind, more?: object): Promise<void> {
  const left = await differences(dataSource);
  if (kind.name !== 'mysql') return expect(left).toEqual([]);
  // If TypeORM takes MariaDB for MySQL, it reads the default NULL as a text, also in tables that it has just made.
  const own = await open(await created(kind), kind, more);
  await own.synchronize();
  expect(left.toSorted()).toEqual((await differences(own)).toSorted());
  expect(left.filter((query) => /PRIMARY|DROP COLUMN| ADD `|`id` `id`|NOT NULL/.test(query))).toEqual([]);
}

async function tables(dataSource: DataSource): Promise<string[]> {
  const runner = dataSource.createQueryRunner();
  try {
    const names = dataSource.entityMetadatas.map(({ tablePath }) => tablePath);
    return (await runner.getTables(names)).map(({ name }) => name);
  } finally {
    await runner.release();
  }
}

/** A row in each table, by the metadata, so that it is there under any naming. */
async function fill(dataSource: DataSource): Promise<() => Promise<number>> {
  for (const { target, columns } of dataSource.entityMetadatas) {
    const values = columns
      .filter((column) => !column.relationMetadata && !column.isNullable && column.default === undefined)
      .filter(({ isVersion }) => !isVersion)
      .map(({ propertyName, type }) => [
        propertyName,
        type === 'uuid' ? '018f0000-0000-7000-8000-000000000000' : type === 'bigint' ? 7 : 'x',
      ]);
    await dataSource.getRepository(target).insert(Object.fromEntries(values));
  }
  return async () => {
    let count = 0;
    for (const { target } of dataSource.entityMetadatas) count += await dataSource.getRepository(target).count();
    return count;
  };
}

const namings: { names: string; more: object }[] = [
  { names: 'the names of the entities', more: {} },
  { names: 'a prefix', more: { entityPrefix: 'app_' } },
  { names: 'names in snake case', more: { namingStrategy: new SnakeNames() } },
  { names: 'names of a strategy of its own', more: { namingStrategy: new ShoutedNames(), entityPrefix: 'x_' } },
];

for (const kind of kinds) {
  describe.skipIf(!databaseNamed(kind.on).available)(`on ${kind.name}`, () => {
    test.for(namings)('migrations leave the schema builder nothing to do, with $names', async ({ more }) => {
      const dataSource = await open(await created(kind), kind, more);
      for (let time = 0; time < 2; time++) {
        expect(await dataSource.runMigrations()).toHaveLength(migrations.length);
        await expectNothingToDo(dataSource, kind, more);
        const count = await fill(dataSource);
        const before = await count();
        await dataSource.synchronize();
        expect(await count()).toBe(before);
        for (let undone = 0; undone < migrations.length; undone++) await dataSource.undoLastMigration();
        expect(await tables(dataSource)).toEqual([]);
      }
    });

    test.for(namings)('tables of synchronize are accepted with their rows, with $names', async ({ more }) => {
      const dataSource = await open(await created(kind), kind, more);
      await dataSource.synchronize();
      await dataSource.synchronize();
      const count = await fill(dataSource);
      const before = await count();
      expect(before).toBe(entities.length);
      await dataSource.runMigrations();
      await expectNothingToDo(dataSource, kind, more);
      await dataSource.synchronize();
      expect(await count()).toBe(before);
      for (let undone = 0; undone < migrations.length; undone++) await dataSource.undoLastMigration();
      expect(await tables(dataSource)).toEqual([]);
    });

    test.for(['all', 'each', 'none'] as const)('migrationsTransactionMode: %s', async (migrationsTransactionMode) => {
      const dataSource = await open(await created(kind), kind, { migrationsTransactionMode });
      await dataSource.runMigrations();
      await expectNothingToDo(dataSource, kind);
    });

    test('some tables and indexes are missing, and a column that may be empty', async () => {
      const dataSource = await open(await created(kind), kind);
      await dataSource.synchronize();
      const runner = dataSource.createQueryRunner();
      await runner.dropTable('auth_events');
      await runner.dropIndex('refresh_tokens', 'refresh_tokens_user_id');
      await runner.dropColumn('refresh_tokens', 'location');
      await runner.dropColumn('host_sessions', 'channel');
      await runner.release();
      const id = '018f0000-0000-7000-8000-000000000000';
      await dataSource.runMigrations();
      await expectNothingToDo(dataSource, kind);
      await fill(dataSource);
      expect(await dataSource.getRepository(HostSession).findOneByOrFail({ id })).toMatchObject({ channel: 'web' });
    });

    test.for([
      ['other columns', 'CREATE TABLE refresh_tokens (id integer PRIMARY KEY, token varchar(64))'],
      ['no key', 'CREATE TABLE refresh_tokens (user_id varchar(255), token varchar(64))'],
      ['nothing in common', 'CREATE TABLE refresh_tokens (value integer)'],
    ])("a table of the host's with that name is refused: %s", async ([, sql]) => {
      const dataSource = await open(await created(kind), kind);
      await dataSource.query(sql);
      const refused = dataSource.runMigrations();
      await expect(refused).rejects.toThrow(AuthConfigurationError);
      await expect(refused).rejects.toThrow(/The table \S*refresh_tokens exists, but it is not the one of the module/);
      const runner = dataSource.createQueryRunner();
      expect((await runner.getTable('refresh_tokens'))?.columns.length).toBeLessThan(3);
      await runner.release();
    });

    test("an entity with columns of the host's own lives, and its soft-deleted sessions are dead", async () => {
      const database = await created(kind);
      const context = await start(database, kind, HostSession);
      const { service, dataSource, clock } = context;
      const sessions = dataSource.getRepository(HostSession);
      const alice = { id: 'user-alice', roles: ['user'] };

      const first = await service.issue(alice);
      const row = await sessions.findOneByOrFail({ id: first.sessionId });
      expect(row).toMatchObject({ channel: 'web', flagged: false, deletedAt: null, rowVersion: 1 });
      expect(row.insertedAt).toBeInstanceOf(Date);

      await dataSource.getRepository(HostUser).insert({ id: 'owner' });
      await sessions.update({ id: first.sessionId }, { owner: { id: 'owner' }, channel: 'app', note: 'kept' });
      const { rowVersion } = await sessions.findOneByOrFail({ id: first.sessionId });
      const second = await service.refresh(first.refreshToken);
      const kept = await sessions
        .createQueryBuilder('session')
        .addSelect('session.note')
        .leftJoinAndSelect('session.owner', 'owner')
        .getOneOrFail();
      expect(kept).toMatchObject({ channel: 'app', note: 'kept', owner: { id: 'owner' } });
      expect(kept.rowVersion).toBeGreaterThan(rowVersion);
      expect(kept.touchedAt >= kept.insertedAt).toBe(true);
      expect(await service.list(alice.id)).toMatchObject([{ id: first.sessionId }]);

      const other = await service.issue(alice);
      await sessions.softDelete({ id: first.sessionId });
      expect(await service.list(alice.id)).toMatchObject([{ id: other.sessionId }]);
      await expect(service.refresh(second.refreshToken)).rejects.toThrow();
      await sessions.restore({ id: first.sessionId });
      await service.refresh(second.refreshToken);

      expect(await service.revoke(other.sessionId, 'logout')).toBe(true);
      expect(await service.revokeAllOfUser(alice.id, 'logout_all')).toBe(1);
      await sessions.softDelete({ id: first.sessionId });
      clock.advance(86_400_000 * 90);
      expect(await service.purge()).toBe(2);
      expect(await sessions.count({ withDeleted: true })).toBe(0);
    });

    test('forgetUser ends and erases soft-deleted sessions; revokeAllOfUser leaves them alone', async () => {
      const context = await start(await created(kind), kind, HostSession);
      const { service, dataSource, events } = context;
      const sessions = dataSource.getRepository(HostSession);
      const alice = { id: 'user-alice', roles: ['user'] };
      const [deleted, live, revoked] = [
        await service.issue(alice),
        await service.issue(alice),
        await service.issue(alice),
      ];
      await service.revoke(revoked.sessionId, 'logout');
      await sessions.softDelete([deleted.sessionId, revoked.sessionId]);
      events.length = 0;
      expect(await service.revokeAllOfUser(alice.id, 'logout_all')).toBe(1);
      expect(verdict(context, deleted.accessToken)).toBe('accepted');

      expect(await service.forgetUser(alice.id)).toEqual({ sessions: 3, events: 0 });
      expect(events.map(({ type, sessionId }) => [type, sessionId])).toEqual([
        ['revoked', live.sessionId],
        ['user_forgotten', undefined],
      ]);
      const rows = await sessions.find({ withDeleted: true });
      expect(rows.map(({ userId, revokedAt }) => [userId, revokedAt === null])).toEqual(Array(3).fill(['', false]));
      for (const { accessToken } of [deleted, live, revoked])
        expect(verdict(context, accessToken)).toBe('token_revoked');
      await sessions.restore({ id: deleted.sessionId });
      await expect(service.refresh(deleted.refreshToken)).rejects.toMatchObject({ code: 'invalid_grant' });
    });
  });
}

test.skipIf(!databaseNamed('mariadb').available)('ids of earlier migrations get their length, on mysql', async () => {
  const kind = kinds.find(({ name }) => name === 'mysql')!;
  const dataSource = await open(await created(kind), kind);
  await dataSource.runMigrations();
  const count = await fill(dataSource);
  for (const table of ['refresh_tokens', 'host_sessions']) {
    await dataSource.query(`ALTER TABLE ${table} MODIFY id varchar(36) NOT NULL`);
  }
  await dataSource.query("DELETE FROM migrations WHERE name LIKE 'WidenSessionIds%'");
  expect(await differences(dataSource)).toContainEqual(expect.stringContaining('DROP PRIMARY KEY'));
  await dataSource.runMigrations();
  await expectNothingToDo(dataSource, kind);
  await dataSource.synchronize();
  expect(await count()).toBe(entities.length);
});

test('a schema of its own, on postgres', async () => {
  const [kind] = kinds;
  const database = await created(kind);
  const operator = await open(database, kind);
  await operator.query('CREATE SCHEMA "Auth"');
  const dataSource = await open(database, kind, { schema: 'Auth' });
  await dataSource.runMigrations();
  await expectNothingToDo(dataSource, kind);
  const count = await fill(dataSource);
  expect(await count()).toBe(entities.length);
  expect(await tables(operator)).toEqual([]);
  for (let undone = 0; undone < migrations.length; undone++) await dataSource.undoLastMigration();
  await dataSource.synchronize();
  await fill(dataSource);
  await dataSource.runMigrations();
  await expectNothingToDo(dataSource, kind);
  expect(await count()).toBe(entities.length);
});

test('tables of synchronize get room for updates in place, on postgres', async () => {
  const [kind] = kinds;
  const dataSource = await open(await created(kind), kind);
  await dataSource.synchronize();
  await dataSource.runMigrations();
  const options = await dataSource.query(`SELECT reloptions FROM pg_class WHERE relname = 'refresh_tokens'`);
  expect(options).toEqual([{ reloptions: ['fillfactor=70'] }]);
});

describe.skipIf(!databaseNamed('mariadb').available).for(['mariadb', 'mysql'])('on %s', (name) => {
  test.for(['migrations', 'synchronize'])(
    'a database of another character set: tables of %s take any text',
    async (maker) => {
      const kind = kinds.find((candidate) => candidate.name === name)!;
      const database = await created(kind);
      const dataSource = await open(database, kind);
      await dataSource.query(`ALTER DATABASE ${new URL(database.url!).pathname.slice(1)} CHARACTER SET latin1`);
      if (maker === 'synchronize') {
        await dataSource.synchronize();
        await fill(dataSource);
      }
      await dataSource.runMigrations();
      await expectNothingToDo(dataSource, kind);
      if (maker === 'migrations') await fill(dataSource);
      for (const entity of [HostSession, refreshTokenEntities[0]]) {
        const sessions = dataSource.getRepository<RefreshTokenColumns>(entity);
        const [{ id }] = await sessions.find();
        await sessions.update({ id }, { deviceName: 'Zoë’s 📱 电话' });
        expect(await sessions.find()).toMatchObject([{ deviceName: 'Zoë’s 📱 电话' }]);
      }
    },
  );
});

test('a column that needs a value is refused at boot', async () => {
  @RefreshTokenTable('needy_sessions')
  class NeedySession extends RefreshTokenColumns {
    @Column({ type: 'varchar', length: 20 })
    tenant: string;
  }
  const kind = kinds.find(({ name }) => name === 'sqljs')!;
  await expect(start(await created(kind), kind, NeedySession)).rejects.toThrow(
    /The module cannot insert into the table of NeedySession, because its column tenant needs a value/,
  );
});

async function start(
  database: TestDatabase,
  { extra }: Kind,
  entity: new () => RefreshTokenColumns,
): Promise<AuthContext> {
  const dataSource = {
    ...extra,
    entities: [...entities, entity],
    migrations: [CreateHostUsers1600000000000, ...refreshTokenMigrations, ...refreshTokenMigrationsFor(entity)],
  };
  const purge = { interval: '0s', retention: '1d' };
  const options = { entity, purge, revocation: { delay: '10m' } } as const;
  const context = await createAuthContext(database, { dataSource: dataSource as object, options: options as object });
  opened.push(() => context.close());
  return context;
}
