import type { QueryRunner } from 'typeorm';
import { SessionMigration } from './session-migration.js';
import { addMissingColumns, dropColumns } from './tables.js';

/**
 * Adds the column for the keyed hash of the user's `credentialsVersion`, unless it exists. It is `null` in existing rows.
 *
 * @example
 * new DataSource({ type: 'postgres', migrations: [CreateRefreshTokens1790000000000, AddCredentialsHash1790000000040] });
 */
export class AddCredentialsHash1790000000040 extends SessionMigration {
  // TypeORM needs a stable name, and bundlers rename classes.
  readonly name: string = 'AddCredentialsHash1790000000040';

  async up(queryRunner: QueryRunner): Promise<void> {
    await addMissingColumns(queryRunner, this.entity, ['credentialsHash']);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await dropColumns(queryRunner, this.entity, ['credentialsHash']);
  }
}
