import { type MigrationInterface, type QueryRunner, Table } from 'typeorm';
import { AuthEventRecord } from '../audit/auth-event-record.entity.js';
import { isMySql } from '../common/database/dialect.js';
import { columnsNamed } from './columns.js';
import { namesOf } from './names.js';

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
    const { columnName: name, tableName, escapedTable } = namesOf(queryRunner, AuthEventRecord);
    const { text, number } = columnsNamed<keyof AuthEventRecord>(name);

    await queryRunner.createTable(
      new Table({
        name: tableName,
        columns: [
          { ...text('id', 36), isPrimary: true },
          text('realm', 64),
          text('type', 32),
          number('at'),
          text('sessionId', 36, true),
          text('userId', 255, true),
          text('clientId', 255, true),
          text('outcome', 8),
          text('reason', 64, true),
          number('generation', true),
          number('count', true),
          text('ip', 45, true),
          text('country', 2, true),
          text('userAgent', 512, true),
        ],
        indices: [
          { name: 'auth_events_session_id', columnNames: [name('sessionId'), name('id')] },
          { name: 'auth_events_user_id', columnNames: [name('userId'), name('id')] },
        ],
      }),
    );
    if (isMySql(queryRunner.connection)) {
      // A client may send any user agent, whatever the database's default character set.
      await queryRunner.query(`ALTER TABLE ${escapedTable} CONVERT TO CHARACTER SET utf8mb4`);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.dropTable(namesOf(queryRunner, AuthEventRecord).tableName);
  }
}
