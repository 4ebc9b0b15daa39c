// `nestjs-refresh-token/pglite`: an embedded PostgreSQL for TypeORM.
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DataSourceOptions } from 'typeorm';
import type { PgliteSettings } from './database.js';
import { PgliteError } from './errors.js';
import { PglitePool } from './pool.js';

export { PgliteError, type PgliteErrorCode } from './errors.js';

/** The folder of the embedded database. Other options go to the constructor of PGlite, for example `extensions`. */
export interface PgliteOptions extends PgliteSettings {
  /**
   * The path of a folder, which is created if it is missing. By default, or with `'memory://'`, the database is in memory, and is lost
   * when the DataSource is destroyed.
   */
  dataDir?: string;
}

type PostgresOptions = Extract<DataSourceOptions, { type: 'postgres' }>;

/** The result of {@link pgliteDataSourceOptions}, to spread into the options of a DataSource. */
export type PgliteDataSourceOptions = Pick<
  PostgresOptions,
  'type' | 'driver' | 'poolSize' | 'connectTimeoutMS' | 'uuidExtension' | 'installExtensions'
>;

/**
 * Milliseconds. Without a limit, a query outside the open transaction would wait forever if the transaction waits for
 * it.
 */
const CONNECT_TIMEOUT_MS = 30_000;

/**
 * Options for a TypeORM DataSource that uses an embedded PostgreSQL: PGlite, in this process, without a server.
 *
 * TypeORM uses it like a PostgreSQL server with a pool of one connection. Queries and transactions wait for one
 * another. So it suits demos, tests and small servers of one process. Only one process at a time can open a folder.
 * Committed data survives the end of the process (`kill -9`). But PGlite runs without fsync, so a power failure can
 * lose data.
 *
 * Options that you spread after it take precedence. It sets `uuidExtension` to the `gen_random_uuid()` of PostgreSQL,
 * because PGlite lacks the extension that TypeORM would use. It sets `connectTimeoutMS` to 30 s.
 *
 * @throws {PgliteError} `pglite_data_dir` for an invalid `dataDir`. `initialize()` rejects with `pglite_missing`
 *   without the package `@electric-sql/pglite`, with `pglite_locked` if the folder is open, and with
 *   `pglite_unreadable` if it holds no database. A query rejects with `pglite_busy`, `pglite_disk_full`,
 *   `pglite_read_only` or `pglite_lost`.
 *
 * @example
 * const dataSource = new DataSource({
 *   ...pgliteDataSourceOptions({ dataDir: './data' }),
 *   entities: refreshTokenEntities,
 * });
 */
export function pgliteDataSourceOptions({ dataDir, ...settings }: PgliteOptions = {}): PgliteDataSourceOptions {
  const folder = folderOf(dataDir);
  return {
    type: 'postgres',
    driver: {
      Pool: class extends PglitePool {
        constructor(config: { connectionTimeoutMillis?: number } = {}) {
          super(folder, settings, config.connectionTimeoutMillis);
        }
      },
    },
    poolSize: 1,
    connectTimeoutMS: CONNECT_TIMEOUT_MS,
    uuidExtension: 'pgcrypto',
    installExtensions: false,
  };
}

/** Undefined for a database in memory. */
function folderOf(dataDir: string | undefined): string | undefined {
  if (dataDir === undefined || dataDir.startsWith('memory://')) return undefined;
  if (dataDir.startsWith('file://')) return fileURLToPath(dataDir);
  // PGlite has other schemes, for browsers. An empty path would mean the working directory.
  if (dataDir === '' || dataDir.includes('://')) throw new PgliteError('pglite_data_dir', `(It is '${dataDir}'.)`);
  return resolve(dataDir);
}
