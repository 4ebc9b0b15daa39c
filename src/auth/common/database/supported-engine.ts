import type { DataSource } from 'typeorm';
import { AuthConfigurationError } from '../errors/auth-error.js';

const SUPPORTED = ['postgres', 'mysql', 'mariadb', 'sqljs', 'better-sqlite3', 'sqlite'];

/** @throws AuthConfigurationError if the statements of this module would not work there, or would not hold */
export function checkEngine({ driver, options: { type } }: DataSource): void {
  if (!SUPPORTED.includes(type)) throw notSupported(`the data source has the type '${type}'`);
  // TypeORM shortens the version to its number if the server is PostgreSQL.
  const engine = type === 'postgres' ? /^[a-z]+/i.exec(driver.version ?? '')?.[0] : undefined;
  if (engine !== undefined) throw notSupported(`the server of the data source is ${engine}, and not PostgreSQL`);
}

function notSupported(problem: string): AuthConfigurationError {
  return new AuthConfigurationError(
    `Sessions need a supported database, but ${problem}. The supported types are ${SUPPORTED.join(', ')}. ` +
      `The embedded PGlite has the type postgres. Give the module a data source of its own with the option dataSource.`,
  );
}
