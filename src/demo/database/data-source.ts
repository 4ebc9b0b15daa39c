import { pgliteDataSourceOptions } from 'nestjs-refresh-token/pglite';
import { refreshTokenEntities, refreshTokenMigrations } from 'nestjs-refresh-token/typeorm';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { isServerUrl } from '../demo-config.js';
import { CreateUsers1790000000001 } from '../users/create-users.migration.js';
import { User } from '../users/user.entity.js';

/** Milliseconds. */
const CONNECT_TIMEOUT = 5_000;

/**
 * So that no query of the demo's own waits without end for a server that has fallen silent. The library sees to its own
 * (`databaseTimeout`): the longer limit is not below the one that it gives to a rotation, which may happen after all.
 */
const QUERY_LIMITS = { statement_timeout: 4_000, query_timeout: 30_000 };

/** The demo's data source on a server, or on the embedded database in a folder. Without time limits, because migrations need time. */
export function createDataSource(database: string, more: Partial<DataSourceOptions> = {}): DataSource {
  return new DataSource({
    ...connectionOptions(database),
    ...more,
    entities: [...refreshTokenEntities, User],
    migrations: [...refreshTokenMigrations, CreateUsers1790000000001],
  } as DataSourceOptions);
}

/** The same, for serving requests. */
export function createServingDataSource(database: string): DataSource {
  return createDataSource(database, isPostgresUrl(database) ? { extra: QUERY_LIMITS } : {});
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
