import { type MigrationInterface, type QueryRunner, Table } from 'typeorm';
import { SessionLock } from '../session/session-lock.entity.js';
import { columnsNamed } from './columns.js';
import { namesOf } from './names.js';

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
    const { tableName, columnName } = namesOf(queryRunner, SessionLock);
    const { text, number } = columnsNamed<keyof SessionLock>(columnName);
    await queryRunner.createTable(
      new Table({
        name: tableName,
        columns: [{ ...text('name', 64), isPrimary: true }, number('taken'), number('claimedUntil')],
      }),
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.dropTable(namesOf(queryRunner, SessionLock).tableName);
  }
}
