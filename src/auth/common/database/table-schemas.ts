import type { DataSource, EntityMetadata } from 'typeorm';
import { isMySql } from './dialect.js';
import { Statement } from './statement.js';

/** Where the tables of a data source are. */
export interface TableSchemas {
  /**
   * The schema (PostgreSQL) or database (MySQL) of a table that the host named without one. Statements on a table that
   * did not exist yet depend on the search path.
   */
  of(metadata: EntityMetadata): string | undefined;
}

/**
 * Finds the tables as a new connection sees them. Later, a pooled connection may have another `search_path` or default
 * database, and must not find other tables of the same names.
 */
export async function findTableSchemas(dataSource: DataSource, timeout: number): Promise<TableSchemas> {
  const { driver, options } = dataSource;
  if (isMySql(dataSource)) return { of: ({ database }) => (database ? undefined : driver.database) };
  if (options.type !== 'postgres') return { of: () => undefined };
  const tables = dataSource.entityMetadatas.filter(({ schema }) => !schema).map(({ tableName }) => tableName);
  if (tables.length === 0) return { of: () => undefined };
  const visible = new Statement(
    dataSource,
    'SELECT relname AS name, nspname AS schema FROM pg_catalog.pg_class c ' +
      'JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace ' +
      `WHERE relname IN (:...tables) AND relkind IN ('r', 'p', 'v', 'f') AND pg_catalog.pg_table_is_visible(c.oid)`,
    false,
    timeout,
  );
  const { records } = await visible.execute({ tables });
  const schemas = new Map(records.map(({ name, schema }) => [name, schema as string]));
  return { of: ({ schema, tableName }) => (schema ? undefined : schemas.get(tableName)) };
}
