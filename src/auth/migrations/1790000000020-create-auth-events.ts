import { type MigrationInterface, type QueryRunner, Table, type TableColumnOptions } from 'typeorm';
import { AuthEventRecord } from '../audit/auth-event-record.entity.js';
import { isMySql } from '../store/dialect.js';
import { namesOf } from './names.js';

/** The table of events. */
export class CreateAuthEvents1790000000020 implements MigrationInterface {
  // Given, because bundlers rename classes.
  readonly name = 'CreateAuthEvents1790000000020';

  async up(queryRunner: QueryRunner): Promise<void> {
    const { columnName: name, tableName, escapedTable } = namesOf(queryRunner, AuthEventRecord);
    const text = (property: keyof AuthEventRecord, length: number, isNullable = true): TableColumnOptions => ({
      name: name(property),
      type: 'varchar',
      length: String(length),
      isNullable,
    });
    const number = (property: keyof AuthEventRecord, isNullable = true): TableColumnOptions => ({
      name: name(property),
      type: 'bigint',
      isNullable,
    });

    await queryRunner.createTable(
      new Table({
        name: tableName,
        columns: [
          { ...text('id', 36, false), isPrimary: true },
          text('realm', 64, false),
          text('type', 32, false),
          number('at', false),
          text('sessionId', 36),
          text('userId', 255),
          text('clientId', 255),
          text('outcome', 8, false),
          text('reason', 64),
          number('generation'),
          number('count'),
          text('ip', 45),
          text('country', 2),
          text('userAgent', 512),
        ],
        indices: [
          { name: 'auth_events_session_id', columnNames: [name('sessionId')] },
          { name: 'auth_events_user_id', columnNames: [name('userId')] },
        ],
      }),
    );
    if (isMySql(queryRunner.connection)) {
      // Whatever the database's own character set is, a client may call itself anything.
      await queryRunner.query(`ALTER TABLE ${escapedTable} CONVERT TO CHARACTER SET utf8mb4`);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.dropTable(namesOf(queryRunner, AuthEventRecord).tableName);
  }
}
