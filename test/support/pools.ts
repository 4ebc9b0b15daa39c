import { DataSource, type DataSourceOptions, type QueryRunner } from 'typeorm';
import { onTestFinished, vi } from 'vitest';
import { type AuthApp, type AuthSetup, createAuthApp } from './auth-app.js';
import { databaseNamed, type TestDatabase } from './databases.js';
import { refresh } from './http.js';
import { signIn } from './listening.js';

export const POOL = 10;

/** An application with a pool, and an operator of its database. */
export interface PooledHost extends AuthApp {
  database: TestDatabase;
  /** A connection that is not of the application's pool. */
  operator: DataSource;
}

/** It ends with the test. It reads the revocation list so seldom that only the test sends statements. */
export async function startWithPool(
  name: 'postgres' | 'mariadb',
  /** Made from the URL of the database. */
  dataSource: (url: string) => object = () => ({}),
  options: AuthSetup['options'] = {},
): Promise<PooledHost> {
  const database = await databaseNamed(name).create();
  onTestFinished(() => database.drop());
  const app = await createAuthApp('express', database, {
    dataSource: { poolSize: POOL, logging: false, ...dataSource(database.url!) } as Partial<DataSourceOptions>,
    options: { revocation: { delay: '10m' }, ...options },
  });
  onTestFinished(() => app.close());
  app.app.useLogger(false);
  const operator = await new DataSource(database.options([], [])).initialize();
  onTestFinished(() => operator.destroy());
  return { ...app, database, operator };
}

/** Does the work on each connection of the pool. */
export async function onEveryConnection(
  { dataSource }: AuthApp,
  work: (runner: QueryRunner, index: number) => Promise<unknown>,
): Promise<void> {
  const { poolSize = POOL } = dataSource.options as { poolSize?: number };
  const runners = Array.from({ length: poolSize }, () => dataSource.createQueryRunner());
  await Promise.all(runners.map((runner) => runner.connect()));
  for (const [index, runner] of runners.entries()) await work(runner, index);
  await Promise.all(runners.map((runner) => runner.release()));
}

/** Fills the pool, so that all connections know the statements of a refresh. */
export async function warmUp(app: AuthApp): Promise<void> {
  await onEveryConnection(app, async () => undefined);
  const sessions = await Promise.all(Array.from({ length: POOL * 2 }, () => signIn(app)));
  await Promise.all(sessions.map(({ refreshToken }) => refresh(app.url, refreshToken)));
}

type Pool = NodeJS.EventEmitter;

/** The pool of the primary, of `pg` or `mysql2`. */
function primaryPool({ dataSource }: AuthApp): Pool {
  const { master, pool, poolCluster } = dataSource.driver as unknown as {
    master?: Pool;
    pool?: Pool;
    poolCluster?: { _nodes: { MASTER: { pool: Pool } } };
  };
  return pool ?? master ?? poolCluster!._nodes.MASTER.pool;
}

/** Is called for each connection that the pool of the primary opens from now on. */
export function connectionsOpenedBy(app: AuthApp) {
  const opened = vi.fn();
  primaryPool(app).on('connect', opened).on('connection', opened);
  return opened;
}

/** Sends this to each connection that the pool of the primary opens, until the returned function is called. */
export function onEachNewConnection(app: AuthApp, sql: string): () => void {
  const pool = primaryPool(app);
  const send = (connection: { query(sql: string): unknown }) => void connection.query(sql);
  pool.on('connect', send).on('connection', send);
  return () => void pool.off('connect', send).off('connection', send);
}
