import { type MigrationInterface, type QueryRunner, Table } from 'typeorm';

export class CreateUsers1790000000001 implements MigrationInterface {
  readonly name = 'CreateUsers1790000000001';

  async up(queryRunner: QueryRunner): Promise<void> {
    const { driver } = queryRunner.connection;
    await queryRunner.createTable(
      new Table({
        name: 'users',
        columns: [
          { name: 'id', type: 'varchar', length: '36', isPrimary: true },
          { name: 'username', type: 'varchar', length: '255', isUnique: true },
          { name: 'password_hash', type: 'varchar', length: '255' },
          { name: 'roles', type: 'text' },
          { name: 'taken_role', type: 'text', isNullable: true },
          { name: 'disabled', type: driver.normalizeType({ type: Boolean }) },
        ],
      }),
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.dropTable('users');
  }
}
