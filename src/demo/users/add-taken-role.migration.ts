import { type MigrationInterface, type QueryRunner, TableColumn } from 'typeorm';

export class AddTakenRole1790000000002 implements MigrationInterface {
  readonly name = 'AddTakenRole1790000000002';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.addColumn('users', new TableColumn({ name: 'taken_role', type: 'text', isNullable: true }));
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.dropColumn('users', 'taken_role');
  }
}
