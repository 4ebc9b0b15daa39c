import { randomBytes } from 'node:crypto';
import { refreshTokenEntities, refreshTokenMigrations } from 'nestjs-refresh-token/typeorm';
import pg from 'pg';
import { DataSource } from 'typeorm';

const server = process.env.TEST_POSTGRES_URL || 'postgres://postgres@127.0.0.1:5432/test';

export interface Database {
  url: string;
  server: DatabaseServer;
  /** Removes the database, and closes the connections to it. */
  drop(): Promise<unknown>;
}

/** What the figures of a database depend on, as the server itself tells it. */
export interface DatabaseServer {
  postgres: string;
  fsync: string;
  synchronous_commit: string;
}

/** A fresh database on a real PostgreSQL, which keeps the durability it has. */
export async function createDatabase(): Promise<Database> {
  const name = `bench_${randomBytes(6).toString('hex')}`;
  await onServer(`CREATE DATABASE ${name}`);
  const [settings] = await onServer<DatabaseServer>(
    `SELECT current_setting('server_version') AS postgres, current_setting('fsync') AS fsync,
            current_setting('synchronous_commit') AS synchronous_commit`,
  );
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, server: settings, drop: () => onServer(`DROP DATABASE ${name} WITH (FORCE)`) };
}

/** The same, with the tables of the library. */
export async function createMigratedDatabase(): Promise<Database> {
  const database = await createDatabase();
  await migrate(database.url);
  return database;
}

async function migrate(url: string): Promise<void> {
  const dataSource = new DataSource({
    type: 'postgres',
    url,
    entities: refreshTokenEntities,
    migrations: refreshTokenMigrations,
  });
  await dataSource.initialize();
  await dataSource.runMigrations();
  await dataSource.destroy();
}

async function onServer<Row extends pg.QueryResultRow>(statement: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: server, connectionTimeoutMillis: 5_000 });
  try {
    await client.connect();
  } catch (cause) {
    throw new Error(`PostgreSQL does not answer; TEST_POSTGRES_URL names it. ${String(cause)}`, { cause });
  }
  try {
    return (await client.query<Row>(statement)).rows;
  } finally {
    await client.end();
  }
}
