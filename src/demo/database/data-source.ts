import { pgliteDataSourceOptions } from 'nestjs-refresh-token/pglite';
import { refreshTokenEntities, refreshTokenMigrations } from 'nestjs-refresh-token/typeorm';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { isServerUrl } from '../demo-config.js';
import { CreateUsers1790000000001 } from '../users/create-users.migration.js';
import { User } from '../users/user.entity.js';

/** Milliseconds. */
const CONNECT_TIMEOUT = 5_000;

/**
 * Time limits in milliseconds for the demo's own queries, so that none waits forever for a silent server. The library
 * limits its own queries (`databaseTimeout`). `query_timeout` is not below its limit for a rotation, because the server
 * may still finish that one.
 */
const QUERY_LIMITS = { query_timeout: 30_000 };
/** PostgreSQL gives a statement up itself. A pooler may not pass this on. */
const SERVER_LIMITS = { statement_timeout: 4_000 };

/**
 * The demo's data source, on a server or on the embedded database in a folder. It has no time limits, because
 * migrations need time.
 */
export function createDataSource(database: string, more: Partial<DataSourceOptions> = {}): DataSource {
  return new DataSource({
    ...connectionOptions(database),
    ...more,
    entities: [...refreshTokenEntities, User],
    migrations: [...refreshTokenMigrations, CreateUsers1790000000001],
  } as DataSourceOptions);
}

/** The same data source with time limits, for serving requests. */
export function createServingDataSource(database: string, { behindPooler = false } = {}): DataSource {
  const extra = { ...QUERY_LIMITS, ...(!behindPooler && SERVER_LIMITS) };
  return createDataSource(database, isPostgresUrl(database) ? { extra } : {});
}

function connectionOptions(database: string): Partial<DataSourceOptions> {
  if (!isServerUrl(database)) return pgliteDataSourceOptions({ dataDir: database });
  return isPostgresUrl(database)
    ? { type: 'postgres', url: database, connectTimeoutMS: CONNECT_TIMEOUT }
    : { type: 'mysql', url: database.replace(/^mariadb:/, 'mysql:'), connectTimeout: CONNECT_TIMEOUT };
}

function isPostgresUrl(database: string): boolean {
  return isServerUrl(database) && database.startsWith('postgres');
}
