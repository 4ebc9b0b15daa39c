/** Each code, and what to do about it. */
const ERRORS = {
  pglite_missing: 'The embedded database needs @electric-sql/pglite. Install it: npm install @electric-sql/pglite',
  pglite_data_dir: "dataDir is to be the path of a folder, or 'memory://' (or undefined) for a database in memory.",
  pglite_locked:
    'The embedded database is open elsewhere, and it takes one process at a time. Stop the other process, or use ' +
    'another dataDir. For several processes use a PostgreSQL server.',
  pglite_busy:
    'The embedded database has one connection, and it was not free in time (connectTimeoutMS). Inside a transaction ' +
    'use the EntityManager of that transaction, as everything else waits for its end.',
  pglite_closed: 'The embedded database is closed. Initialize the DataSource again.',
  pglite_released: 'This connection was released. A query after that would run in the transaction of someone else.',
  pglite_unsupported: 'The embedded database has no streams. Read in pages instead.',
} as const satisfies Record<string, string>;

/** The stable codes of {@link PgliteError}. */
export type PgliteErrorCode = keyof typeof ERRORS;

/**
 * Every refusal of the embedded database that is not an answer of PostgreSQL itself. Those come as from `pg`: with the
 * five characters of SQLSTATE in `code`.
 *
 * @example
 * try {
 *   await dataSource.initialize();
 * } catch (error) {
 *   if (error instanceof PgliteError && error.code === 'pglite_locked') console.error('Already running.');
 * }
 */
export class PgliteError extends Error {
  constructor(
    readonly code: PgliteErrorCode,
    detail = '',
    options?: { cause?: unknown },
  ) {
    super(detail ? `${ERRORS[code]} ${detail}` : ERRORS[code], options);
    this.name = 'PgliteError';
  }
}
