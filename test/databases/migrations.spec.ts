import { refreshTokenEntities, refreshTokenMigrations } from 'nestjs-refresh-token/typeorm';
import { DataSource } from 'typeorm';
import { describe, expect, it, onTestFinished } from 'vitest';
import { databases } from '../support/databases.js';

describe('the migrations', () => {
  for (const { name, available, create } of databases) {
    it.skipIf(!available)(`make what the entity describes, go back, and come again, on ${name}`, async () => {
      const database = await create();
      onTestFinished(() => database.drop());
      const dataSource = await new DataSource(
        database.options(refreshTokenEntities, refreshTokenMigrations),
      ).initialize();
      onTestFinished(() => dataSource.destroy());

      const tableExists = async () => {
        const queryRunner = dataSource.createQueryRunner();
        return queryRunner.hasTable('refresh_tokens').finally(() => queryRunner.release());
      };
      const missing = async () =>
        (await dataSource.driver.createSchemaBuilder().log()).upQueries.map(({ query }) => query);

      expect(await missing()).not.toEqual([]);
      for (let time = 0; time < 2; time++) {
        const ran = await dataSource.runMigrations();
        expect(ran).toHaveLength(refreshTokenMigrations.length);
        expect(await missing()).toEqual([]);
        expect(await dataSource.runMigrations()).toEqual([]);
        for (let undone = 0; undone < ran.length; undone++) await dataSource.undoLastMigration();
        expect(await tableExists()).toBe(false);
      }
    });
  }
});
