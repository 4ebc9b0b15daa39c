import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { AccessFloor, RevocationChannel } from 'nestjs-refresh-token';
import { redisReplayStore, redisRevocationChannel } from 'nestjs-refresh-token/redis';
import { AuthThrottlingModule, redisThrottlerStorage } from 'nestjs-refresh-token/throttling';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adapters, type AuthApp, createAuthApp, createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { login } from '../support/http.js';
import { HOST_CLIENTS, type HostClient, RedisPlaces } from '../support/redis-kinds.js';
import { RedisServer, redisServersAvailable } from '../support/redis-servers.js';
import { eventually } from '../support/eventually.js';

/** The promise is one second. The rest is for a busy machine. */
const LIMIT = 2_500;

const POOL = 'createClientPool';
const BOB = { username: 'bob', password: 'bob-password', transport: 'body' as const };

type Target = { client: HostClient['client'] } | { url: string };

interface Heard {
  channel: RevocationChannel;
  changes: AccessFloor[];
  states: string[];
}

/** An instance's end of a channel. */
async function listen(target: Target, name: string): Promise<Heard> {
  const channel = redisRevocationChannel({ ...target, name });
  const heard: Heard = { channel, changes: [], states: [] };
  await channel.open({
    changed: (changes) => void heard.changes.push(...changes),
    connected: () => void heard.states.push('connected'),
    disconnected: () => void heard.states.push('disconnected'),
  });
  return heard;
}

const stateOf = ({ states }: Heard) => states.at(-1);

async function expectWithin(limit: number, work: () => unknown): Promise<void> {
  const start = performance.now();
  await Promise.resolve(work()).catch(() => undefined);
  expect(performance.now() - start).toBeLessThan(limit);
}

describe.skipIf(!redisServersAvailable)('Redis', () => {
  let places: RedisPlaces;
  beforeAll(async () => {
    places = await RedisPlaces.start();
  });
  afterAll(() => places?.stop());

  describe.each(Object.keys(HOST_CLIENTS))('with a client by %s', (kind) => {
    let host: HostClient;
    beforeAll(async () => {
      host = await HOST_CLIENTS[kind](places);
    });
    afterAll(() => host?.close());

    it('remembers a used proof for all instances, and leaves the client open', async () => {
      const prefix = `${randomUUID()}:`;
      const stores = [
        redisReplayStore({ client: host.client, prefix }),
        redisReplayStore({ client: host.client, prefix }),
      ];
      for (const store of stores) await store.open();
      expect(await stores[0].claim('a', 60_000)).toBe(true);
      expect(await stores[1].claim('a', 60_000)).toBe(false);
      expect(await stores[1].claim('b', 60_000)).toBe(true);
      await stores[0].close();
      expect(await stores[1].claim('b', 60_000)).toBe(false);
    });

    it('counts failures of all instances together', async () => {
      const prefix = `${randomUUID()}:`;
      const storages = [1, 2].map(() => redisThrottlerStorage({ client: host.client, prefix }));
      const hits = async (storage: number) =>
        (await storages[storage].increment('k', 60_000, 1, 60_000, 'x')).totalHits;
      expect([await hits(0), await hits(1), await hits(0)]).toEqual([1, 2, 3]);
    });

    it('counts attempts under way of all instances together', async () => {
      const prefix = `${randomUUID()}:`;
      const apps: AuthApp[] = [];
      for (const adapter of adapters) {
        const storage = redisThrottlerStorage({ client: host.client, prefix });
        const imports = [AuthThrottlingModule.forRoot({ loginFailures: 3, storage })];
        apps.push(await createAuthApp(adapter, await databaseNamed('sqljs').create(), { imports }));
      }
      const guess = { username: 'alice', password: 'guess' };
      const guesses = Array.from({ length: 20 }, (_, index) => login(apps[index % 2].url, guess));
      const statuses = (await Promise.all(guesses)).map(({ status }) => status);
      expect(statuses.filter((status) => status === 401)).toHaveLength(3);
      expect(statuses.filter((status) => status === 429)).toHaveLength(17);
      const others = Array.from({ length: 8 }, (_, index) => login(apps[index % 2].url, BOB));
      expect((await Promise.all(others)).map(({ status }) => status)).toEqual(Array(8).fill(200));
      for (const app of apps) await app.close();
    });
  });

  it.each(Object.keys(HOST_CLIENTS).filter((kind) => kind !== POOL))(
    'carries revocations with a client by %s, and leaves the client open',
    async (kind) => {
      const { client, close } = await HOST_CLIENTS[kind](places);
      const name = randomUUID();
      const [one, two] = [await listen({ client }, name), await listen({ client }, name)];
      await eventually(() => expect([one, two].map(stateOf)).toEqual(['connected', 'connected']));
      const change = { sessionId: randomUUID(), floor: 3 };
      await one.channel.publish([change]);
      // Each has its own connection, and in a cluster its own node: they hear it at different times.
      await eventually(() => expect([one, two].map(({ changes }) => changes)).toEqual([[change], [change]]));
      await one.channel.close();
      await two.channel.publish([{ ...change, floor: 4 }]);
      await eventually(() => expect(two.changes).toHaveLength(2));
      expect(one.changes).toHaveLength(1);
      await two.channel.close();
      await close();
    },
  );

  it('does not take a pool for revocations', async () => {
    const { client, close } = await HOST_CLIENTS[POOL](places);
    expect(() => redisRevocationChannel({ client })).toThrow(/client is a pool/);
    await close();
  });

  describe.each([
    ['a node of a cluster', () => places.cluster.servers[0].url, /Give client: createCluster/],
    ['a sentinel', () => places.sentinel.sentinels[0].url, /Give client: createSentinel/],
  ])('at a URL of %s', (_, url, fix) => {
    it.each([
      ['the channel', () => ({ revocation: { channel: redisRevocationChannel({ url: url() }) } })],
      ['the replay store', () => ({ binding: { dpop: { replayStore: redisReplayStore({ url: url() }) } } })],
    ])('is refused at boot for %s, with what to give instead', async (_use, options) => {
      const database = await databaseNamed('sqljs').create();
      await expect(createAuthContext(database, { options: options() })).rejects.toThrow(fix);
      await database.drop();
    });

    it('is refused at boot for throttling, with what to give instead', async () => {
      const storage = redisThrottlerStorage({ url: url() }) as unknown as { onModuleInit(): Promise<void> };
      await expect(storage.onModuleInit()).rejects.toThrow(fix);
    });
  });

  it('makes nothing wait for more than a second when it accepts and never answers', async () => {
    const server = await RedisServer.start();
    const { url } = server;
    const heard = await listen({ url }, 'frozen');
    const [store, storage] = [redisReplayStore({ url }), redisThrottlerStorage({ url })];
    await store.open();
    await storage.increment('k', 1_000, 1, 1_000, 'x');
    await eventually(() => expect(stateOf(heard)).toBe('connected'));
    server.signal('SIGSTOP');
    await Promise.all([
      expectWithin(LIMIT, () => store.claim('a', 1_000)),
      expectWithin(LIMIT, () => storage.increment('k', 1_000, 1, 1_000, 'x')),
      expectWithin(LIMIT, () => heard.channel.publish([])),
      expectWithin(LIMIT, () => listen({ url }, 'late').then(({ channel }) => channel.close())),
      expectWithin(LIMIT, () => redisReplayStore({ url }).open()),
    ]);
    // After the first one they do not even wait.
    await expectWithin(LIMIT, async () => {
      for (let count = 0; count < 20; count++) await heard.channel.publish([]).catch(() => undefined);
    });
    await eventually(() => expect(stateOf(heard)).toBe('disconnected'));
    server.signal('SIGCONT');
    await eventually(() => expect(stateOf(heard)).toBe('connected'));
    await expectWithin(LIMIT, () => heard.channel.close());
    await expectWithin(LIMIT, () => store.close());
    await server.kill();
  });

  it('gets one subscriber, which ends with the channel, if it was frozen at the start', async () => {
    const server = await RedisServer.start();
    const client = createClient({ url: server.url });
    client.on('error', () => undefined);
    await client.connect();
    const subscribers = async () => (await client.sendCommand(['CLIENT', 'LIST', 'TYPE', 'pubsub'])) as string;
    server.signal('SIGSTOP');
    const heard = await listen({ client }, 'frozen-at-start');
    // Time for several attempts.
    await delay(5_000);
    server.signal('SIGCONT');
    await eventually(() => expect(stateOf(heard)).toBe('connected'));
    await heard.channel.publish([]);
    expect((await subscribers()).trim().split('\n')).toHaveLength(1);
    await heard.channel.close();
    await eventually(async () => expect(await subscribers()).toBe(''));
    client.destroy();
    await server.kill();
  });

  it.each([
    ['has no memory left (OOM)', ['CONFIG', 'SET', 'maxmemory', '1']],
    ['has become a replica (READONLY)', ['REPLICAOF', '127.0.0.1', '1']],
    ['wants a password (NOAUTH)', ['CONFIG', 'SET', 'requirepass', 'other']],
  ])('fails a claim, and never accepts it, when it %s', async (_, command) => {
    const server = await RedisServer.start();
    const store = redisReplayStore({ url: server.url });
    await store.open();
    expect(await store.claim('a', 60_000)).toBe(true);
    await server.ask(...command);
    // A server that wants a password asks the next connection for it.
    if (command[2] === 'requirepass') await server.ask('-a', 'other', 'CLIENT', 'KILL', 'TYPE', 'normal');
    await eventually(() => expect(store.claim('b', 60_000)).rejects.toThrow(/OOM|READONLY|NOAUTH|not connected/));
    await store.close();
    await server.kill();
  });
});
