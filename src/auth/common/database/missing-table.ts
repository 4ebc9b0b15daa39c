/** PostgreSQL, MySQL and MariaDB: a table or a column is missing. */
const CODES = ['42P01', '42703', 'ER_NO_SUCH_TABLE', 'ER_BAD_FIELD_ERROR'];

/** Whether a statement failed because its table, or a column of it, does not exist. SQLite has no code for it. */
export function isMissingTable(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  return CODES.includes(String(code)) || /^(SqliteError: )?no such (table|column)/i.test(String(message));
}
