import type { QueryRunner } from 'typeorm';
import type { RefreshTokenColumns } from '../session/refresh-token.entity.js';
import { SessionMigration } from './session-migration.js';
import { addMissingColumns, dropColumns } from './tables.js';

const COLUMNS: (keyof RefreshTokenColumns)[] = [
  'persistent',
  'idleTtl',
  'accessTokenTtl',
  'amr',
  'acr',
  'tags',
  'metadata',
  'deviceHash',
  'actor',
  'actorName',
  'actorSessionId',
];

/**
 * Adds the columns for what a sign-in decides about its session, and for what its user says about it, unless they exist. They
 * are `null` in existing rows: those sessions live as the module says.
 *
 * @example
 * new DataSource({ type: 'postgres', migrations: [CreateRefreshTokens1790000000000, AddSessionTerms1790000000070] });
 */
export class AddSessionTerms1790000000070 extends SessionMigration {
  // TypeORM needs a stable name, and bundlers rename classes.
  readonly name: string = 'AddSessionTerms1790000000070';

  async up(queryRunner: QueryRunner): Promise<void> {
    await addMissingColumns(queryRunner, this.entity, COLUMNS);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await dropColumns(queryRunner, this.entity, COLUMNS);
  }
}
