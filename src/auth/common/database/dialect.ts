import type { DataSource } from 'typeorm';

export function isMySql({ options }: DataSource): boolean {
  return options.type === 'mysql' || options.type === 'mariadb';
}

/** Whether transactions lock single rows. SQLite locks the whole database. */
export function hasRowLocks(dataSource: DataSource): boolean {
  return isMySql(dataSource) || dataSource.options.type === 'postgres';
}

/** An SQL expression for the current time of the database, in milliseconds since the Unix epoch. */
export function databaseTime(dataSource: DataSource): string {
  if (isMySql(dataSource)) return `(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000)`;
  if (dataSource.options.type === 'postgres') return 'CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000 AS bigint)';
  return `CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)`;
}

/** An SQL expression for the digits of a number. */
export function asText(dataSource: DataSource, number: string): string {
  return `CAST(${number} AS ${isMySql(dataSource) ? 'CHAR' : 'text'})`;
}

/** An SQL expression that puts one text after another. */
export function joined(dataSource: DataSource, first: string, second: string): string {
  return isMySql(dataSource) ? `CONCAT(${first}, ${second})` : `(${first} || ${second})`;
}

/** An SQL expression for whole seconds. */
export function inSeconds(dataSource: DataSource, milliseconds: string): string {
  return isMySql(dataSource) ? `(${milliseconds} DIV 1000)` : `(${milliseconds} / 1000)`;
}

/** An SQL expression for the greatest of several numbers. None of them may be NULL. */
export function greatest(dataSource: DataSource, ...numbers: string[]): string {
  const name = isMySql(dataSource) || dataSource.options.type === 'postgres' ? 'GREATEST' : 'MAX';
  return `${name}(${numbers.join(', ')})`;
}

/**
 * An SQL condition for a byte-wise comparison in MySQL. Its default collations treat "a" and "A" as equal, and a column
 * may have any character set. This condition cannot use an index. So add it to a plain comparison, which can.
 */
export function equalAsBytes(column: string, parameter: string): string {
  const bytes = (text: string) => `CAST(CONVERT(${text} USING utf8mb4) AS BINARY)`;
  return `${bytes(column)} = ${bytes(parameter)}`;
}
