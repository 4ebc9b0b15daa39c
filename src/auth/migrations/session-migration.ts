import type { MigrationInterface, QueryRunner } from 'typeorm';
import type { EntityClass } from '../common/database/entity-class.js';
import { RefreshToken, type RefreshTokenColumns } from '../session/refresh-token.entity.js';

/** A migration of a table of sessions: of the default one, unless a derived class names another. */
export abstract class SessionMigration implements MigrationInterface {
  abstract readonly name: string;
  protected readonly entity: EntityClass<RefreshTokenColumns> = RefreshToken;

  abstract up(queryRunner: QueryRunner): Promise<void>;
  abstract down(queryRunner: QueryRunner): Promise<void>;
}
