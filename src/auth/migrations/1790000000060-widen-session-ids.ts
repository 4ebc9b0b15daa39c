import type { QueryRunner } from 'typeorm';
import { SessionMigration } from './session-migration.js';
import { changeType } from './tables.js';

/**
 * Gives the ids of sessions the length that TypeORM expects for `type: 'mysql'`. Earlier migrations made them shorter, so
 * that `synchronize` dropped and created the primary key. Other databases have a type for ids, or no length.
 *
 * @example
 * new DataSource({ type: 'mysql', migrations: [CreateRefreshTokens1790000000000, WidenSessionIds1790000000060] });
 */
export class WidenSessionIds1790000000060 extends SessionMigration {
  // TypeORM needs a stable name, and bundlers rename classes.
  readonly name: string = 'WidenSessionIds1790000000060';

  async up(queryRunner: QueryRunner): Promise<void> {
    await changeType(queryRunner, this.entity, 'id');
  }

  /** Nothing to undo: what fits in a shorter column fits in this one. */
  async down(): Promise<void> {}
}
