import type { QueryRunner } from 'typeorm';
import { SessionMigration } from './session-migration.js';
import { createTable, dropTable, escapedTable } from './tables.js';

/**
 * Creates the table of sessions, on PostgreSQL, MySQL, MariaDB and SQLite. The data source decides the names: its
 * schema, prefix and naming strategy.
 *
 * @example
 * new DataSource({ type: 'postgres', migrations: [CreateRefreshTokens1790000000000] });
 */
export class CreateRefreshTokens1790000000000 extends SessionMigration {
  // TypeORM needs a stable name, and bundlers rename classes.
  readonly name: string = 'CreateRefreshTokens1790000000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await createTable(queryRunner, this.entity);
    if (queryRunner.connection.options.type === 'postgres') {
      // Leaves room in each page for the new version of a row, so that a refresh updates in place (HOT).
      await queryRunner.query(`ALTER TABLE ${escapedTable(queryRunner, this.entity)} SET (fillfactor = 70)`);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await dropTable(queryRunner, this.entity);
  }
}
