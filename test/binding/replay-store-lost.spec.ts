import { redisReplayStore } from 'nestjs-refresh-token/redis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AuthApp, createAuthApp, ManualClock } from '../support/auth-app.js';
import { databaseNamed, type TestDatabase } from '../support/databases.js';
import { DpopClient, generateProofKey } from '../support/dpop.js';
import { send } from '../support/http.js';
import { RedisServer, redisServersAvailable } from '../support/redis-servers.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';

const ALICE = { username: 'alice', password: 'alice-password', transport: 'body' } as const;
const PUBLIC_URL = 'https://service.example';

describe.skipIf(!redisServersAvailable)('a used proof', () => {
  const clock = new ManualClock();
  let database: TestDatabase;
  let redis: RedisServer;
  let proxies: TcpProxy[];
  let instances: AuthApp[];
  let client: DpopClient;
  beforeEach(async () => {
    database = await databaseNamed('postgres').create();
    redis = await RedisServer.start();
    await redis.untilAged();
    proxies = [await startTcpProxy(redis.url), await startTcpProxy(redis.url)];
    instances = [];
    for (const { url } of proxies) {
      const dpop = { publicUrl: PUBLIC_URL, replayStore: redisReplayStore({ url }) };
      instances.push(await createAuthApp('fastify', database, { clock, options: { binding: { dpop } } }));
    }
    client = new DpopClient(await generateProofKey(), PUBLIC_URL, () => clock.now());
    // Each has its connection to Redis. A proof from before that may have been forgotten.
    for (const instance of [0, 1]) await recovered(instance);
    clock.advance(10_000);
  });
  afterEach(async () => {
    for (const instance of instances) await instance.close();
    for (const proxy of proxies) await proxy.close();
    await redis.kill();
    await database.drop();
  });

  const proofNow = (iat = Math.floor(clock.now() / 1000)) => client.proof('POST', '/auth/login', { iat });
  const status = async (instance: number, dpop: string) =>
    (await send('POST', `${instances[instance].url}/auth/login`, { headers: { dpop }, body: ALICE })).status;
  /** Until the service answers new proofs again. */
  const recovered = async (instance: number) => {
    const next = async () => {
      clock.advance(1_000);
      return status(instance, await proofNow());
    };
    await expect.poll(next, { timeout: 10_000 }).toBe(200);
  };

  it('is not accepted by an instance that cannot reach Redis, while others can', async () => {
    const early = await proofNow();
    expect(await status(1, early)).toBe(200);
    proxies[0].cut();
    clock.advance(1_000);
    const late = await proofNow();
    expect(await status(1, late)).toBe(200);
    expect([await status(0, early), await status(0, late)]).toEqual([503, 503]);
    await recovered(0);
    // Now each instance records in the database, whichever of them reaches Redis.
    for (const [first, second] of [
      [0, 1],
      [1, 0],
    ]) {
      clock.advance(1_000);
      const proof = await proofNow();
      expect(await status(first, proof)).toBe(200);
      expect(await status(second, proof)).not.toBe(200);
    }
  });

  it('is not accepted twice after an instance could not look whether another has lost Redis', async () => {
    const { dataSource } = instances[1];
    clock.advance(1_000);
    await dataSource.query('ALTER TABLE used_dpop_proofs RENAME TO hidden_proofs');
    // It cannot know where the others record this proof.
    expect(await status(1, await proofNow())).toBe(503);
    await dataSource.query('ALTER TABLE hidden_proofs RENAME TO used_dpop_proofs');
    proxies[0].cut();
    await recovered(0);
    clock.advance(2_000);
    const proof = await proofNow();
    const answers = [await status(1, proof), await status(0, proof)];
    expect(answers.filter((answer) => answer === 200)).toHaveLength(1);
  });

  it('is not accepted after Redis has come back empty, even if nobody asked it meanwhile', async () => {
    const [early, here] = [await proofNow(), await proofNow()];
    expect([await status(0, early), await status(1, here)]).toEqual([200, 200]);
    await redis.kill();
    await redis.start();
    clock.advance(1_000);
    for (const instance of [0, 1]) await recovered(instance);
    for (const instance of [0, 1]) {
      for (const proof of [early, here]) expect(await status(instance, proof)).not.toBe(200);
    }
  });

  it('from a clock that is ahead is not accepted after Redis has come back empty', async () => {
    const ahead = await proofNow(Math.floor(clock.now() / 1000) + 30);
    expect(await status(0, ahead)).toBe(200);
    await redis.kill();
    await redis.start();
    for (const instance of [0, 1]) await recovered(instance);
    for (const instance of [0, 1]) expect(await status(instance, ahead)).toBe(400);
  });

  it('makes thirty requests wait for a frozen Redis only once', async () => {
    redis.signal('SIGSTOP');
    await status(0, await proofNow());
    const start = performance.now();
    // A proof from before the failure is refused; a later one is recorded in the database.
    for (let count = 0; count < 30; count++) expect([200, 503]).toContain(await status(0, await proofNow()));
    // Each would have waited for a second.
    expect(performance.now() - start).toBeLessThan(20_000);
    redis.signal('SIGCONT');
  });
});
