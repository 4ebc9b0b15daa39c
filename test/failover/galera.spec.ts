import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { SECRET } from '../support/auth-app.js';
import { type DemoProcess, startDemo } from '../support/demo-process.js';
import { galeraAvailable, GaleraCluster } from '../support/galera.js';
import { SECOND } from '../support/listening.js';
import { expectToSurvive, Population } from '../support/population.js';

/** Three instances of one service, each on its own node. A client asks the next instance with each request. */
describe.skipIf(!galeraAvailable)('a Galera cluster of three nodes loses no session', () => {
  let cluster: GaleraCluster;
  let dataSource: DataSource;
  const demos: DemoProcess[] = [];

  beforeAll(async () => {
    cluster = await GaleraCluster.start(3, ['--wsrep-slave-threads=4']);
    const database = await cluster.createDatabase();
    for (const node of cluster.nodes) {
      demos.push(await startDemo({ DATABASE_URL: node.url(database), AUTH_SECRET: SECRET, REVOCATION_DELAY: '1s' }));
    }
    dataSource = await new DataSource({ type: 'mysql', url: cluster.nodes[0].url(database) }).initialize();
  });

  afterAll(async () => {
    await dataSource?.destroy();
    await Promise.all(demos.map((demo) => demo.stop()));
    await cluster?.stop();
  });

  async function withPopulation(title: string, fault: () => Promise<void>): Promise<void> {
    const population = await Population.signIn(
      demos.map(({ url }) => url),
      { pace: 2 * SECOND, patience: 5 * SECOND },
    );
    await expectToSurvive(title, population, dataSource, fault);
  }

  it('if each refresh goes to another node', () => withPopulation('Galera, hops', () => sleep(15 * SECOND)), 240_000);

  it('if a node is killed and joins again', async () => {
    await withPopulation('Galera, one node killed', async () => {
      await cluster.nodes[2].kill();
      await sleep(8 * SECOND);
      await cluster.nodes[2].restart();
      await cluster.untilWhole();
    });
  }, 240_000);

  it('if a node is frozen for 14 s', async () => {
    await withPopulation('Galera, one node frozen for 14 s', async () => {
      cluster.nodes[2].freeze();
      await sleep(14 * SECOND);
      cluster.nodes[2].thaw();
      await cluster.untilWhole();
    });
  }, 240_000);
});
