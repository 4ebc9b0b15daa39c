import { Cluster, Redis } from 'ioredis';
import type { RedisClient } from 'nestjs-refresh-token/redis';
import { createClient, createClientPool, createCluster, createSentinel } from 'redis';
import {
  MASTER,
  RedisServer,
  type RedisSentinels,
  type RedisServers,
  startRedisCluster,
  startRedisSentinels,
} from './redis-servers.js';

/** A client that a host has made and connected. */
export interface HostClient {
  client: RedisClient;
  close(): unknown;
}

/** A lone server, a cluster, and a master with sentinels. */
export class RedisPlaces {
  private constructor(
    readonly lone: RedisServer,
    readonly cluster: RedisServers,
    readonly sentinel: RedisSentinels,
  ) {}

  static async start(): Promise<RedisPlaces> {
    return new RedisPlaces(await RedisServer.start(), await startRedisCluster(), await startRedisSentinels());
  }

  async stop(): Promise<void> {
    await Promise.all([this.lone.kill(), this.cluster.stop(), this.sentinel.stop()]);
  }
}

const ignored = () => undefined;
const addresses = (servers: readonly RedisServer[]) => servers.map(({ port }) => ({ host: '127.0.0.1', port }));

/** Each kind of client that a host may give, by the function that makes it. */
export const HOST_CLIENTS: Record<string, (places: RedisPlaces) => Promise<HostClient>> = {
  async createClient({ lone }) {
    const client = await createClient({ url: lone.url }).on('error', ignored).connect();
    return { client, close: () => client.destroy() };
  },
  async createClientPool({ lone }) {
    const client = createClientPool({ url: lone.url }).on('error', ignored);
    await client.connect();
    return { client, close: () => client.destroy() };
  },
  async createCluster({ cluster }) {
    const rootNodes = cluster.servers.map(({ url }) => ({ url }));
    const client = await createCluster({ rootNodes }).on('error', ignored).connect();
    return { client, close: () => client.destroy() };
  },
  async createSentinel({ sentinel }) {
    const sentinelRootNodes = addresses(sentinel.sentinels);
    const client = await createSentinel({ name: MASTER, sentinelRootNodes }).on('error', ignored).connect();
    return { client, close: () => client.destroy() };
  },
  async 'ioredis Redis'({ lone }) {
    const client = new Redis(lone.port).on('error', ignored);
    return { client, close: () => client.disconnect() };
  },
  async 'ioredis Cluster'({ cluster }) {
    const client = new Cluster(addresses(cluster.servers)).on('error', ignored);
    return { client, close: () => client.disconnect() };
  },
  async 'ioredis Redis with sentinels'({ sentinel }) {
    const client = new Redis({ name: MASTER, sentinels: addresses(sentinel.sentinels) }).on('error', ignored);
    return { client, close: () => client.disconnect() };
  },
};
