import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { databaseNamed, type DatabaseName } from '../support/databases.js';
import { Service } from '../support/demo-service.js';
import { SECOND } from '../support/listening.js';
import { expectToSurvive, Population } from '../support/population.js';

/** Causes the fault while many clients use the three instances. Resolves when it is over. */
type Fault = (service: Service, population: Population) => Promise<void>;

const frozen: Fault = async ({ demos }) => {
  demos[2].kill('SIGSTOP');
  await sleep(15 * SECOND);
  demos[2].kill('SIGCONT');
};

const killed: Fault = async (service, population) => {
  service.demos[1].kill('SIGKILL');
  await service.demos[1].exited;
  await sleep(5 * SECOND);
  population.urls[1] = (await service.launch()).url;
};

/** No proxy takes an instance out: clients are refused until the next one has started. */
const rollingRestart: Fault = async (service, population) => {
  for (const [index, demo] of service.demos.entries()) {
    expect(await demo.stop()).toMatchObject({ signal: 'SIGTERM' });
    population.urls[index] = (await service.launch()).url;
  }
};

const faults: [string, DatabaseName, Fault][] = [
  ['one of them is frozen for 15 s', 'postgres', frozen],
  ['one of them is frozen for 15 s', 'mariadb', frozen],
  ['one of them is killed', 'postgres', killed],
  ['all of them are restarted, one after the other', 'postgres', rollingRestart],
  ['all of them are restarted, one after the other', 'mariadb', rollingRestart],
];

describe('three instances of one service lose no session', () => {
  for (const [title, database, cause] of faults) {
    it.skipIf(!databaseNamed(database).available)(
      `if ${title}, on ${database}`,
      async () => {
        await expectServiceToSurvive(`${title}, on ${database}`, database, cause);
      },
      400_000,
    );
  }
});

async function expectServiceToSurvive(title: string, database: DatabaseName, cause: Fault): Promise<void> {
  const service = new Service({ title, database, redis: false, delay: '1s' });
  let dataSource: DataSource | undefined;
  try {
    await service.start(3);
    dataSource = await new DataSource(service.database.options([], [])).initialize();
    const population = await Population.signIn(service.demos.map(({ url }) => url));
    await expectToSurvive(title, population, dataSource, () => cause(service, population));
  } finally {
    await dataSource?.destroy();
    await service.stop();
  }
}
