import { redisReplayStore } from 'nestjs-refresh-token/redis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type AuthApp, createAuthApp, ManualClock } from '../support/auth-app.js';
import { databases, databaseNamed, type TestDatabase } from '../support/databases.js';
import { DpopClient, generateProofKey, hashOf } from '../support/dpop.js';
import { refresh, send } from '../support/http.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';

const ALICE = { username: 'alice', password: 'alice-password', transport: 'body' } as const;
const redisUrl = inject('redisUrl');

/** Two instances. Behind a proxy they would have one URL, so the proofs are made for that URL. */
const PUBLIC_URL = 'https://service.example';

interface Service {
  instances: [AuthApp, AuthApp];
  client: DpopClient;
  close(): Promise<void>;
}

async function startService(database: TestDatabase, redis?: string): Promise<Service> {
  const clock = new ManualClock();
  const start = () => {
    const replayStore = redis === undefined ? undefined : redisReplayStore({ url: redis });
    return createAuthApp('fastify', database, {
      clock,
      options: { binding: { dpop: { publicUrl: PUBLIC_URL, replayStore } } },
    });
  };
  const instances: [AuthApp, AuthApp] = [await start(), await start()];
  return {
    instances,
    client: new DpopClient(await generateProofKey(), PUBLIC_URL, () => clock.now()),
    close: async () => void (await Promise.all(instances.map((instance) => instance.close()))),
  };
}

/** Each proof is used at one instance, then at the other; those of one key after those of another. */
async function replayEverywhere({ instances: [one, other], client }: Service): Promise<void> {
  const login = (url: string, dpop: string) => send('POST', `${url}/auth/login`, { headers: { dpop }, body: ALICE });
  const loginProof = await client.proof('POST', '/auth/login');
  const { body } = (await login(one.url, loginProof)) as Awaited<ReturnType<DpopClient['login']>>;
  expect(await login(other.url, loginProof)).toMatchObject({ status: 400, body: { error: 'invalid_dpop_proof' } });

  const proof = await client.proof('POST', '/auth/refresh');
  const { body: next } = await refresh(one.url, body.refresh_token, { dpop: proof });
  expect(await refresh(other.url, next.refresh_token, { dpop: proof })).toMatchObject({
    status: 400,
    body: { error: 'invalid_dpop_proof' },
  });
  const fresh = await client.proof('POST', '/auth/refresh');
  expect((await refresh(other.url, next.refresh_token, { dpop: fresh })).status).toBe(200);

  const resource = async (url: string, dpop: string) =>
    send('GET', `${url}/auth/me`, { headers: { authorization: `DPoP ${next.access_token}`, dpop } });
  const get = await client.proof('GET', '/auth/me', { ath: hashOf(next.access_token) });
  expect((await resource(one.url, get)).status).toBe(200);
  expect((await resource(other.url, get)).status).toBe(401);
}

for (const { name, available, create } of databases.filter(({ name }) => name !== 'sqljs' && name !== 'pglite')) {
  describe.skipIf(!available)(`a proof that one instance has seen, remembered by ${name}`, () => {
    let database: TestDatabase;
    let service: Service;
    beforeAll(async () => {
      database = await create();
      service = await startService(database);
    });
    afterAll(async () => {
      await service?.close();
      await database?.drop();
    });

    it('is refused by another', () => replayEverywhere(service));

    it('is used once, by whomever of twenty', async () => {
      const { instances, client } = service;
      const sessions = await Promise.all(Array.from({ length: 20 }, () => signIn(instances[0], client)));
      const proof = await client.proof('POST', '/auth/refresh');
      const answers = await Promise.all(
        sessions.map((token, turn) => refresh(instances[turn % 2].url, token, { dpop: proof })),
      );
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
      expect(answers.filter(({ status }) => status === 400)).toHaveLength(19);
    });

    it('is forgotten when it has expired', async () => {
      const {
        instances: [instance],
        client,
      } = service;
      const { clock, dataSource } = instance;
      const ids = async (): Promise<string[]> =>
        (await dataSource.query('SELECT id FROM used_dpop_proofs')).map(({ id }: { id: string }) => id);
      const before = await ids();
      expect(before.length).toBeGreaterThan(0);
      clock.advance(3_600_000);
      await signIn(instance, client);
      await expect.poll(ids).toHaveLength(1);
      expect(before).not.toContain((await ids())[0]);
    });
  });
}

describe.skipIf(redisUrl === undefined)('a proof that one instance has seen, remembered by Redis', () => {
  let database: TestDatabase;
  let service: Service;
  let proxy: TcpProxy;
  beforeAll(async () => {
    database = await databaseNamed('postgres').create();
    proxy = await startTcpProxy(redisUrl!);
    service = await startService(database, proxy.url);
  });
  afterAll(async () => {
    await service?.close();
    await proxy?.close();
    await database?.drop();
  });

  const inDatabase = () => service.instances[0].dataSource.query('SELECT id FROM used_dpop_proofs');

  /** Until both instances are connected, and for two lives of a proof after that, the database remembers. */
  const redisRemembers = async () => {
    const newInDatabase = async () => {
      service.instances[0].clock.advance(150_000);
      const before = (await inDatabase()).length;
      for (const instance of service.instances) await signIn(instance, service.client);
      return (await inDatabase()).length - before;
    };
    await expect.poll(newInDatabase, { timeout: 10_000 }).toBe(0);
  };

  it('is refused by another, and the database is not asked', async () => {
    await redisRemembers();
    const before = await inDatabase();
    await replayEverywhere(service);
    expect(await inDatabase()).toEqual(before);
  });

  it('is remembered by the database while Redis is away', async () => {
    const { instances, client } = service;
    const early = await client.proof('POST', '/auth/login');
    const login = (instance: AuthApp, dpop: string) =>
      send('POST', `${instance.url}/auth/login`, { headers: { dpop }, body: ALICE });
    expect((await login(instances[0], early)).status).toBe(200);
    proxy.cut();
    instances[0].clock.advance(1_000);
    // Used when Redis was there, and nobody can know now. A new proof will do.
    expect(await login(instances[1], early)).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } });
    await signIn(instances[0], client);
    instances[0].clock.advance(1_000);
    const before = (await inDatabase()).length;
    await replayEverywhere(service);
    expect((await inDatabase()).length).toBeGreaterThan(before);
    proxy.restore();
  });

  it('is remembered by the database while Redis does not answer', async () => {
    await redisRemembers();
    proxy.strand();
    // Who notices first is told to come back.
    for (const instance of service.instances) await signIn(instance, service.client);
    service.instances[0].clock.advance(1_000);
    await replayEverywhere(service);
    expect((await inDatabase()).length).toBeGreaterThan(0);
  });
});

async function signIn({ url }: AuthApp, client: DpopClient): Promise<string> {
  const dpop = await client.proof('POST', '/auth/login');
  const { body } = await send<{ refresh_token: string }>('POST', `${url}/auth/login`, {
    headers: { dpop },
    body: ALICE,
  });
  return body.refresh_token;
}
