import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { describe, it } from 'vitest';
import { Service } from '../support/demo-service.js';
import { SECOND } from '../support/listening.js';
import { expectNothingLost, Population, print } from '../support/population.js';

describe('instances of one service', () => {
  it('lose no session if one of them is frozen for 15 s', async () => {
    const service = new Service({ title: 'frozen', database: 'postgres', redis: false, delay: '1s' });
    await service.start(3);
    const dataSource = await new DataSource(service.database.options([], [])).initialize();
    try {
      const population = await Population.signIn(service.demos.map(({ url }) => url));
      population.start();
      await sleep(5 * SECOND);
      population.faultBegins();
      service.demos[2].kill('SIGSTOP');
      await sleep(15 * SECOND);
      service.demos[2].kill('SIGCONT');
      population.faultEnds();
      const report = await population.finish(dataSource);
      print('An instance frozen for 15 s', report);
      expectNothingLost(report);
    } finally {
      await dataSource.destroy();
      await service.stop();
    }
  }, 240_000);
});
