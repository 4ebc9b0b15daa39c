import type { MigrationInterface, QueryRunner } from 'typeorm';
import { SessionLock } from '../session/session-lock.entity.js';
import { createTable, dropTable } from './tables.js';

/**
 * Creates the table of locks, which has a few thousand rows at most.
 *
 * @example
 * new DataSource({ type: 'postgres', migrations: [CreateSessionLocks1790000000030] });
 */
export class CreateSessionLocks1790000000030 implements MigrationInterface {
  // TypeORM needs a stable name, and bundlers rename classes.
  readonly name = 'CreateSessionLocks1790000000030';

  async up(queryRunner: QueryRunner): Promise<void> {
    await createTable(queryRunner, SessionLock);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await dropTable(queryRunner, SessionLock);
  }
}
