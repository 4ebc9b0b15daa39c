import { refreshTokenEntities, refreshTokenMigrations } from 'nestjs-refresh-token';
import { pgliteDataSourceOptions } from 'nestjs-refresh-token/pglite';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { isServerUrl } from '../demo-config.js';
import { CreateUsers1790000000001 } from '../users/create-users.migration.js';
import { User } from '../users/user.entity.js';

const CONNECT_TIMEOUT = 5_000;

/** The demo's data source on a server, or on the embedded database in a folder. */
export function createDataSource(database: string): DataSource {
  return new DataSource({
    ...connectionOptions(database),
    entities: [...refreshTokenEntities, User],
    migrations: [...refreshTokenMigrations, CreateUsers1790000000001],
  } as DataSourceOptions);
}

function connectionOptions(database: string): Partial<DataSourceOptions> {
  if (!isServerUrl(database)) return pgliteDataSourceOptions({ dataDir: database });
  return database.startsWith('postgres')
    ? { type: 'postgres', url: database, connectTimeoutMS: CONNECT_TIMEOUT }
    : { type: 'mysql', url: database.replace(/^mariadb:/, 'mysql:'), connectTimeout: CONNECT_TIMEOUT };
}
