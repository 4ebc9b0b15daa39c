import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import type { DataSource } from 'typeorm';

/** Runs these statements, one after the other. */
async function run(dataSource: DataSource, ...statements: string[]): Promise<void> {
  for (const statement of statements) await dataSource.query(statement);
}

/** Rows that a trigger keeps from being written, for as long as it is there. */
export interface StubbornRows {
  /** From now on they can be written. */
  yieldNow(): Promise<void>;
}

/**
 * Makes a database refuse to change some rows of a table.
 *
 * @param operation what it refuses
 * @param ids of the rows; by default of all
 */
export async function refuse(
  dataSource: DataSource,
  operation: 'DELETE' | 'UPDATE',
  table: string,
  ids?: readonly string[],
): Promise<StubbornRows> {
  const chosen = ids ? `OLD.id IN (${ids.map((id) => `'${id}'`).join(', ')})` : '1 = 1';
  const name = `refuse_${operation.toLowerCase()}_${table}`;
  const trigger = `CREATE TRIGGER ${name} BEFORE ${operation} ON ${table} FOR EACH ROW`;
  switch (dataSource.options.type) {
    case 'postgres':
      await run(
        dataSource,
        `CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'kept by the host'; END $$`,
        `${trigger} WHEN (${chosen}) EXECUTE FUNCTION ${name}()`,
      );
      return { yieldNow: () => run(dataSource, `DROP FUNCTION ${name} CASCADE`) };
    case 'mariadb':
      await run(
        dataSource,
        `${trigger} IF ${chosen} THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'kept by the host'; END IF`,
      );
      break;
    default:
      await run(dataSource, `${trigger} WHEN ${chosen} BEGIN SELECT RAISE(ABORT, 'kept by the host'); END`);
  }
  return { yieldNow: () => run(dataSource, `DROP TRIGGER ${name}`) };
}

/** A table of the host with a foreign key to these sessions. */
export async function referTo(dataSource: DataSource, sessionIds: readonly string[]): Promise<StubbornRows> {
  const id = dataSource.getMetadata(RefreshToken).findColumnWithPropertyName('id')!;
  const type = dataSource.driver.normalizeType(id);
  await run(
    dataSource,
    `CREATE TABLE orders (session_id ${type === 'varchar' ? 'varchar(36)' : type} NOT NULL,
       FOREIGN KEY (session_id) REFERENCES refresh_tokens (id))`,
    ...sessionIds.map((sessionId) => `INSERT INTO orders VALUES ('${sessionId}')`),
  );
  return { yieldNow: () => run(dataSource, 'DROP TABLE orders') };
}
