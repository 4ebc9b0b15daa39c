import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { describe, it } from 'vitest';
import { databaseNamed } from '../support/databases.js';
import { Service } from '../support/demo-service.js';
import { SECOND } from '../support/listening.js';
import { expectToSurvive, Population } from '../support/population.js';
import { lockSessionTable } from '../support/table-lock.js';

/** Longer than the grace window, for example while a migration alters the table. */
const LOCKED = 12 * SECOND;

for (const name of ['postgres', 'mariadb'] as const) {
  describe.skipIf(!databaseNamed(name).available)(`a table that is locked for 12 s, on ${name}`, () => {
    it('ends no session', async () => {
      const service = new Service({ title: name, database: name, redis: false, delay: '1s' });
      await service.start(3);
      const dataSource = await new DataSource(service.database.options([], [])).initialize();
      try {
        const population = await Population.signIn(
          service.demos.map(({ url }) => url),
          { pace: 2 * SECOND },
        );
        await expectToSurvive(`A locked table on ${name}`, population, dataSource, async () => {
          const unlock = await lockSessionTable(service.database);
          await sleep(LOCKED);
          await unlock();
        });
      } finally {
        await dataSource.destroy();
        await service.stop();
      }
    }, 240_000);
  });
}
