import { type MigrationInterface, type QueryRunner, Table, type TableColumnOptions } from 'typeorm';
import { isMySql } from '../common/database/dialect.js';
import type { EntityClass } from '../common/database/entity-class.js';
import { RefreshToken, type RefreshTokenColumns } from '../session/refresh-token.entity.js';
import { columnsNamed } from './columns.js';
import { namesOf } from './names.js';

type Property = keyof RefreshTokenColumns;

/**
 * Creates the table of sessions, on PostgreSQL, MySQL, MariaDB and SQLite. The data source decides the names: its
 * schema, prefix and naming strategy.
 *
 * @example
 * new DataSource({ type: 'postgres', migrations: [CreateRefreshTokens1790000000000] });
 */
export class CreateRefreshTokens1790000000000 implements MigrationInterface {
  // TypeORM needs a stable name, and bundlers rename classes.
  readonly name: string = 'CreateRefreshTokens1790000000000';
  protected readonly entity: EntityClass<RefreshTokenColumns> = RefreshToken;

  async up(queryRunner: QueryRunner): Promise<void> {
    const { columnName: name, indexName, tableName, escapedTable } = namesOf(queryRunner, this.entity);
    const index = (property: Property, ...more: Property[]) => ({
      name: indexName(property),
      columnNames: [property, ...more].map(name),
    });
    const { text, number } = columnsNamed<Property>(name);

    await queryRunner.createTable(
      new Table({
        name: tableName,
        columns: [
          sessionId(queryRunner, name('id')),
          text('userId', 255),
          text('clientId', 255),
          text('deviceName', 255, true),
          text('scope', 1024),
          text('transport', 8),
          number('generation'),
          text('tokenHash', 255),
          text('keyId', 8),
          text('seed', 43),
          text('given', 272, true),
          text('givenBefore', 272, true),
          number('listsVersion'),
          number('windowGeneration'),
          number('windowStartedAt'),
          number('lateAnswersAt'),
          number('repeatedGeneration'),
          number('repeatedInARow'),
          number('accessFloor'),
          number('floorRaisedAt', true),
          text('dpopThumbprint', 43, true),
          text('certificateThumbprint', 43, true),
          text('clientNonceHash', 43, true),
          text('fingerprint', 512, true),
          number('createdAt'),
          number('lastUsedAt'),
          number('expiresAt'),
          number('revokedAt', true),
          text('revokedReason', 64, true),
          text('ip', 45, true),
          text('userAgent', 512, true),
          text('country', 2, true),
          number('asn', true),
          text('location', 64, true),
          number('rateStartedAt'),
          number('rateCount'),
          number('authTime'),
        ],
        indices: [index('userId'), index('floorRaisedAt', 'id')],
      }),
    );

    if (isMySql(queryRunner.connection)) {
      // A device may have any name, whatever the database's default character set.
      await queryRunner.query(`ALTER TABLE ${escapedTable} CONVERT TO CHARACTER SET utf8mb4`);
    }
    if (queryRunner.connection.options.type === 'postgres') {
      // Leaves room in each page for the new version of a row, so that a refresh updates in place (HOT).
      await queryRunner.query(`ALTER TABLE ${escapedTable} SET (fillfactor = 70)`);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.dropTable(namesOf(queryRunner, this.entity).tableName);
  }
}

/** The type that the driver gives the entity's `uuid` column. Some databases have no such type. */
function sessionId(queryRunner: QueryRunner, name: string): TableColumnOptions {
  const { driver } = queryRunner.connection;
  const type = driver.normalizeType({ type: 'uuid' });
  const length = type === 'varchar' && isMySql(queryRunner.connection) ? '36' : undefined;
  return { name, type, length, isPrimary: true };
}
