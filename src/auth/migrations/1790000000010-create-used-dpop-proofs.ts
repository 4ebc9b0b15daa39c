import { type MigrationInterface, type QueryRunner, Table } from 'typeorm';
import { UsedDpopProof } from '../binding/dpop/used-dpop-proof.entity.js';
import { columnsNamed } from './columns.js';
import { namesOf } from './names.js';

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
    const { tableName, columnName } = namesOf(queryRunner, UsedDpopProof);
    const { text, number } = columnsNamed(columnName);
    await queryRunner.createTable(
      new Table({
        name: tableName,
        columns: [{ ...text('id', 43), isPrimary: true }, number('expiresAt')],
        indices: [{ name: 'used_dpop_proofs_expires_at', columnNames: [columnName('expiresAt')] }],
      }),
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.dropTable(namesOf(queryRunner, UsedDpopProof).tableName);
  }
}
