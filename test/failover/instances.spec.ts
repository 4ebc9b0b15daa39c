import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { databaseNamed, type DatabaseName } from '../support/databases.js';
import { Service } from '../support/demo-service.js';
import { SECOND } from '../support/listening.js';
import { expectNothingLost, type FaultReport, Population, print } from '../support/population.js';

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
        const report = await reportOf({ title, database, redis: false, delay: '1s' }, cause);
        print(`${title}, on ${database}`, report);
        expectNothingLost(report);
      },
      400_000,
    );
  }
});

async function reportOf(setup: ConstructorParameters<typeof Service>[0], cause: Fault): Promise<FaultReport> {
  const service = new Service(setup);
  let dataSource: DataSource | undefined;
  try {
    await service.start(3);
    dataSource = await new DataSource(service.database.options([], [])).initialize();
    const population = await Population.signIn(service.demos.map(({ url }) => url));
    population.start();
    await sleep(5 * SECOND);
    population.faultBegins();
    await cause(service, population);
    population.faultEnds();
    return await population.finish(dataSource);
  } finally {
    await dataSource?.destroy();
    await service.stop();
  }
}
