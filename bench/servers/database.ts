import { randomBytes } from 'node:crypto';
import pg from 'pg';

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
