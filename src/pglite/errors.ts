/** The message of each code, with the fix. */
const ERRORS = {
  pglite_missing: 'The embedded database needs @electric-sql/pglite. Install it: npm install @electric-sql/pglite',
  pglite_data_dir: "dataDir must be the path of a folder, or 'memory://' (or undefined) for a database in memory.",
  pglite_locked:
    'The embedded database is already open. Only one process can use it at a time. Stop the other process, or use ' +
    'another dataDir. For several processes use a PostgreSQL server.',
  pglite_unreadable:
    'The folder holds no database that this version of PGlite can open. Restore a backup of it, or use another ' +
    'dataDir. PGlite cannot open the files of another major version of PostgreSQL: export them with the old version.',
  pglite_disk_full:
    'The disk of the embedded database is full, so it refuses all queries. Free some space: it then goes on by itself.',
  pglite_read_only:
    'The folder of the embedded database is not writable, so it refuses all queries. Let the process write to it: it ' +
    'then goes on by itself.',
  pglite_lost:
    'The folder of the embedded database was removed or replaced while it was open, so it refuses all queries. Put the ' +
    'folder back, or restore a backup, and restart the process.',
  pglite_busy:
    'The embedded database has only one connection, and it was busy for longer than connectTimeoutMS. ' +
    'Inside a transaction use the EntityManager of that transaction: all other queries wait until the transaction ends.',
  pglite_closed: 'The embedded database is closed. Initialize the DataSource again.',
  pglite_released: 'This connection was released. A query on it would run in the transaction of another caller.',
  pglite_unsupported: 'The embedded database does not support streams. Read in pages instead.',
} as const satisfies Record<string, string>;

/** The stable codes of {@link PgliteError}. */
export type PgliteErrorCode = keyof typeof ERRORS;

/**
 * The error of the embedded database itself. Errors of PostgreSQL look as in `pg`: `code` holds the five characters of
 * SQLSTATE.
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
