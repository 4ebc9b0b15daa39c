import { randomBytes } from 'node:crypto';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { pgliteDataSourceOptions } from 'nestjs-refresh-token/pglite';
import pg from 'pg';
import type { DataSourceOptions } from 'typeorm';
import { inject } from 'vitest';
import { startedPgliteDump } from './pglite-template.js';

export type DatabaseName = 'postgres' | 'mariadb' | 'pglite' | 'sqljs';

export interface TestDatabase {
  name: DatabaseName;
  /** Usable as the demo's `DATABASE_URL`; `undefined` for the databases that live in the process of the test. */
  url: string | undefined;
  /**
   * What to give to `new DataSource(...)` or `TypeOrmModule.forRoot(...)`. Several data sources share a server database;
   * with pglite and sqljs each has a database of its own, which is gone when it is destroyed.
   */
  options(
    entities: DataSourceOptions['entities'],
    migrations: DataSourceOptions['migrations'],
    extra?: Partial<DataSourceOptions>,
  ): DataSourceOptions;
  /** Removes the database, and closes the connections to it. */
  drop(): Promise<void>;
}

export interface DatabaseKind {
  name: DatabaseName;
  /** Whether this run has such a server; the embedded databases are always there. */
  available: boolean;
  /** A fresh and empty database for each caller, so that test files can run side by side. */
  create(): Promise<TestDatabase>;
}

/**
 * Every database that the library is tested on.
 *
 * @example
 * for (const { name, available, create } of databases) {
 *   describe.skipIf(!available)(name, () => {
 *     let database: TestDatabase;
 *     beforeAll(async () => {
 *       database = await create();
 *     });
 *     afterAll(() => database.drop());
 *   });
 * }
 */
export const databases: DatabaseKind[] = [
  { name: 'postgres', available: true, create: createPostgres },
  { name: 'mariadb', available: inject('mariadbUrl') !== undefined, create: createMariadb },
  { name: 'pglite', available: true, create: createPglite },
  { name: 'sqljs', available: true, create: createSqljs },
];

/** The one of that name, for a test that is about one database. */
export function databaseNamed(name: DatabaseName): DatabaseKind {
  return databases.find((database) => database.name === name)!;
}

async function createPostgres(): Promise<TestDatabase> {
  return createPostgresAt(inject('postgresUrl'));
}

/** On a server that the test has started for itself. */
export async function createPostgresAt(server: string): Promise<TestDatabase> {
  const database = freshName();
  const url = urlOf(server, database);
  await onPostgres(server, `CREATE DATABASE ${database}`);
  return {
    name: 'postgres',
    url,
    options: optionsFor({ type: 'postgres', url }),
    drop: () => onPostgres(server, `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`),
  };
}

async function createMariadb(): Promise<TestDatabase> {
  const server = inject('mariadbUrl');
  if (server === undefined) throw new Error('No MariaDB in this run: skip the test where `available` is false.');
  const database = freshName();
  const url = urlOf(server, database);
  await onMariadb(server, (connection) => connection.query(`CREATE DATABASE ${database}`));
  return {
    name: 'mariadb',
    url,
    options: optionsFor({ type: 'mariadb', url }),
    drop: () => onMariadb(server, (connection) => dropMariadb(connection, database)),
  };
}

async function createPglite(): Promise<TestDatabase> {
  const options = optionsFor(pgliteDataSourceOptions({ loadDataDir: await startedPgliteDump() }));
  return { name: 'pglite', url: undefined, options, drop: async () => undefined };
}

async function createSqljs(): Promise<TestDatabase> {
  return { name: 'sqljs', url: undefined, options: optionsFor({ type: 'sqljs' }), drop: async () => undefined };
}

function optionsFor(connection: DataSourceOptions): TestDatabase['options'] {
  // The cast is for `extra`: TypeScript cannot know that it belongs to the same type of database.
  return (entities, migrations, extra) => ({ ...connection, entities, migrations, ...extra }) as DataSourceOptions;
}

const freshName = () => `test_${randomBytes(8).toString('hex')}`;

function urlOf(server: string, database: string): string {
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.href;
}

async function onPostgres(server: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

type MariadbConnection = Awaited<ReturnType<typeof createConnection>>;

async function onMariadb(server: string, work: (connection: MariadbConnection) => Promise<unknown>): Promise<void> {
  const connection = await createConnection(server);
  try {
    await work(connection);
  } finally {
    await connection.end();
  }
}

/** MariaDB has no `WITH (FORCE)`: dropping would wait for every transaction that a test has left open. */
async function dropMariadb(connection: MariadbConnection, database: string): Promise<void> {
  const [users] = await connection.query<RowDataPacket[]>(
    'SELECT id FROM information_schema.processlist WHERE db = ?',
    [database],
  );
  for (const { id } of users) await connection.query('KILL ?', [id]).catch(() => undefined); // gone by itself
  await connection.query(`DROP DATABASE IF EXISTS ${database}`);
}
