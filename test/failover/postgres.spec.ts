import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bearer, login, send } from '../support/http.js';
import { SECOND } from '../support/listening.js';
import { OwnedFolder } from '../support/owned-folder.js';
import { pgbouncerAvailable, type RunningPgBouncer, startPgBouncer } from '../support/pgbouncer.js';
import { expectNothingLost, Population, print } from '../support/population.js';
import { PostgresServer, postgresServersAvailable } from '../support/postgres-servers.js';
import { DATABASE, ServedPostgres } from '../support/served-postgres.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';

describe.skipIf(!postgresServersAvailable)('PostgreSQL', { timeout: 360_000 }, () => {
  let folder: OwnedFolder;
  let primary: PostgresServer;
  /** Between the primary and its standby. */
  let link: TcpProxy | undefined;
  let pooler: RunningPgBouncer | undefined;
  let service: ServedPostgres | undefined;
  let population: Population | undefined;

  beforeEach(async () => {
    folder = new OwnedFolder('postgres-');
    primary = await PostgresServer.create(folder, 'primary');
    await primary.query(`CREATE DATABASE ${DATABASE}`);
  });
  afterEach(async () => {
    if (population) population.alive = false;
    try {
      await service?.stop();
    } finally {
      await link?.close();
      await pooler?.stop();
      population = service = link = pooler = undefined;
      await folder.remove();
    }
  });

  it('loses no session by kill -9 and a restart, and answers 503 meanwhile', async () => {
    const served = await serve();
    const { urls } = served.service;
    const { body } = await login(urls[0], { username: 'bob', password: 'bob-password', transport: 'body' });
    await sleep(4 * SECOND);
    served.population.faultBegins();
    await primary.kill();
    for (const url of urls) {
      const { status } = await send('GET', `${url}/auth/me`, { headers: bearer(body.access_token) });
      expect(status, 'an access token').toBe(200);
      const attempt = await login(url, { username: 'bob', password: 'bob-password', transport: 'body' });
      expect(attempt.status, 'a login').toBe(503);
      expect(attempt.headers.has('retry-after')).toBe(true);
    }
    await sleep(3 * SECOND);
    await primary.start();
    await ends(served, 'killed and restarted');
  });

  it('loses no session if a synchronous standby is promoted after 14 s with commits in flight', async () => {
    const standby = await primary.createStandby('standby', { synchronous: true });
    const served = await serve();
    await sleep(4 * SECOND);
    served.population.faultBegins();
    await primary.freeze();
    await sleep(14 * SECOND);
    await standby.promote();
    served.service.moveTo(standby);
    await ends(served, 'synchronous standby promoted after 14 s');
  });

  it('loses no session if the address moves and nobody closes the old connections', async () => {
    const standby = await primary.createStandby('standby', { synchronous: true });
    const served = await serve();
    await sleep(4 * SECOND);
    served.population.faultBegins();
    await primary.freeze();
    await standby.promote();
    served.service.moveSilentlyTo(standby);
    await ends(served, 'synchronous standby promoted, old connections open and silent');
  });

  it('loses no session if an asynchronous standby is promoted that is 2 s behind', async () => {
    const standby = await asynchronousStandby();
    const served = await serve();
    await sleep(4 * SECOND);
    served.population.faultBegins();
    link!.cut();
    await sleep(2 * SECOND);
    const before = await generations(primary);
    await primary.kill();
    await standby.promote();
    const behind = rolledBack(before, await generations(standby));
    served.service.moveTo(standby);
    await ends(served, `asynchronous standby promoted, ${behind.rows} rows behind`);
    expect(behind.rows).toBeGreaterThan(10);
  });

  it('loses no session if a dump is restored that is many generations old', async () => {
    const served = await serve();
    const dump = await primary.dump(DATABASE);
    await sleep(12 * SECOND);
    served.population.faultBegins();
    const before = await generations(primary);
    // The instances serve on: first there is no database, then one without tables, then one with all rows.
    await primary.restore(DATABASE, dump);
    const behind = rolledBack(before, await generations(primary));
    await ends(served, `dump restored, ${behind.rows} rows up to ${behind.most} generations behind`);
    expect(behind.most).toBeGreaterThan(3);
  });

  it('loses no session if one instance still writes to the old primary for 5 s', async () => {
    const standby = await asynchronousStandby();
    const served = await serve();
    const { addresses } = served.service;
    await sleep(4 * SECOND);
    served.population.faultBegins();
    link!.cut();
    await standby.promote();
    served.service.moveTo(standby, addresses.slice(1));
    await sleep(5 * SECOND);
    const apart = rolledBack(await generations(primary), await generations(standby));
    await primary.kill();
    served.service.moveTo(standby);
    await ends(served, `split brain for 5 s, ${apart.rows} rows newer on the old primary`);
    expect(apart.rows).toBeGreaterThan(0);
  });

  it.skipIf(!pgbouncerAvailable)('loses no session if PgBouncer is killed and restarted', async () => {
    pooler = await startPgBouncer(primary.url(DATABASE));
    const served = await serve(pooler.url);
    await sleep(4 * SECOND);
    served.population.faultBegins();
    await pooler.kill();
    await sleep(3 * SECOND);
    await pooler.restart();
    await ends(served, 'PgBouncer in transaction mode, killed and restarted');
  });

  /** The demos, and clients that refresh. */
  async function serve(through?: string): Promise<Served> {
    service = await ServedPostgres.start(primary, through);
    population = await Population.signIn(service.urls);
    population.start();
    await sleep(2 * SECOND);
    return { service, population };
  }

  async function asynchronousStandby(): Promise<PostgresServer> {
    link = await startTcpProxy(primary.url());
    return primary.createStandby('standby', { through: link.url });
  }

  async function ends({ service, population }: Served, title: string): Promise<void> {
    population.faultEnds();
    const report = await service.withDataSource((dataSource) => population.finish(dataSource));
    print(`PostgreSQL: ${title}`, report);
    expectNothingLost(report);
  }
});

interface Served {
  readonly service: ServedPostgres;
  readonly population: Population;
}

type Generations = ReadonlyMap<string, number>;

async function generations(server: PostgresServer): Promise<Generations> {
  const rows = await server.query<{ id: string; generation: number }>(
    'SELECT id, generation FROM refresh_tokens',
    DATABASE,
  );
  return new Map(rows.map(({ id, generation }) => [id, Number(generation)]));
}

/** How many rows have gone back, and by how many generations at most. */
function rolledBack(before: Generations, after: Generations): { rows: number; most: number } {
  const lost = [...before].map(([id, generation]) => generation - (after.get(id) ?? 0)).filter((count) => count > 0);
  return { rows: lost.length, most: Math.max(0, ...lost) };
}
