import type { MigrationInterface, QueryRunner } from 'typeorm';
import { AuthEventRecord } from '../audit/auth-event-record.entity.js';
import { createTable, dropTable } from './tables.js';

/**
 * Creates the table of events.
 *
 * @example
 * new DataSource({ type: 'postgres', migrations: [CreateAuthEvents1790000000020] });
 */
export class CreateAuthEvents1790000000020 implements MigrationInterface {
  // TypeORM needs a stable name, and bundlers rename classes.
  readonly name = 'CreateAuthEvents1790000000020';

  async up(queryRunner: QueryRunner): Promise<void> {
    await createTable(queryRunner, AuthEventRecord);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await dropTable(queryRunner, AuthEventRecord);
  }
}
