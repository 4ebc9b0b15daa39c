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

/** What {@link pgliteDataSourceOptions} returns, to be spread into the options of a DataSource. */
export type PgliteDataSourceOptions = Pick<
  PostgresOptions,
  'type' | 'driver' | 'poolSize' | 'connectTimeoutMS' | 'uuidExtension' | 'installExtensions'
>;

/** Milliseconds. Without a limit, a call past the transaction from inside it would wait for ever. */
const CONNECT_TIMEOUT_MS = 30_000;

/**
 * Options for a TypeORM DataSource that make it use an embedded PostgreSQL: PGlite, in this process, without a server.
 *
 * TypeORM talks to it as to a PostgreSQL server with a pool of one connection. Queries and transactions wait for one
 * another, so it is for a demo, a test, a small server of one process. One process at a time opens a folder. What was
 * committed survives the end of the process (`kill -9`), but PGlite runs without fsync: a power failure can take it.
 *
 * What is spread after it wins: `uuidExtension` is set to the `gen_random_uuid()` of PostgreSQL itself, as PGlite comes
 * without the extension that TypeORM would use, and `connectTimeoutMS` to 30 s.
 *
 * @throws {PgliteError} `pglite_data_dir` here; from `initialize()` `pglite_missing` without the package
 *   `@electric-sql/pglite`, and `pglite_locked` when the folder is open; from a query `pglite_busy`.
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

/** Undefined for memory. */
function folderOf(dataDir: string | undefined): string | undefined {
  if (dataDir === undefined || dataDir.startsWith('memory://')) return undefined;
  if (dataDir.startsWith('file://')) return fileURLToPath(dataDir);
  // PGlite has more schemes, for browsers, and an empty path would be the working directory.
  if (dataDir === '' || dataDir.includes('://')) throw new PgliteError('pglite_data_dir', `(It is '${dataDir}'.)`);
  return resolve(dataDir);
}
