import type { MigrationInterface, QueryRunner } from 'typeorm';
import { UsedDpopProof } from '../binding/dpop/used-dpop-proof.entity.js';
import { createTable, dropTable } from './tables.js';

/**
 * Creates the table of recently used DPoP proofs.
 *
 * @example
 * new DataSource({ type: 'postgres', migrations: [CreateUsedDpopProofs1790000000010] });
 */
export class CreateUsedDpopProofs1790000000010 implements MigrationInterface {
  // TypeORM needs a stable name, and bundlers rename classes.
  readonly name = 'CreateUsedDpopProofs1790000000010';

  async up(queryRunner: QueryRunner): Promise<void> {
    await createTable(queryRunner, UsedDpopProof);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await dropTable(queryRunner, UsedDpopProof);
  }
}
