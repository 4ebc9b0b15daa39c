import type { MigrationInterface, QueryRunner } from 'typeorm';
import { AuthEventRecord } from '../audit/auth-event-record.entity.js';
import { createTable, dropColumns, dropIndices } from './tables.js';

/**
 * Adds the columns for the account of a failed login and for who did it, and the indexes for searches. What exists stays
 * as it is.
 *
 * @example
 * new DataSource({ type: 'postgres', migrations: [CreateAuthEvents1790000000020, AddEventAccounts1790000000050] });
 */
export class AddEventAccounts1790000000050 implements MigrationInterface {
  // TypeORM needs a stable name, and bundlers rename classes.
  readonly name = 'AddEventAccounts1790000000050';

  async up(queryRunner: QueryRunner): Promise<void> {
    await createTable(queryRunner, AuthEventRecord);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await dropIndices(queryRunner, AuthEventRecord, ['type', 'ip', 'account']);
    await dropColumns(queryRunner, AuthEventRecord, ['account', 'accountName', 'actor']);
  }
}
