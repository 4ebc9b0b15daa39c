import type { DpopReplayStore } from '../../auth/binding/dpop/dpop-replay-store.js';
import { type RedisClient, redisOptions, type RedisTarget } from './redis-client.js';
import { RedisConnection } from './redis-connection.js';

/** The options of {@link redisReplayStore}. */
export interface RedisReplayStoreOptions {
  /** A lone Redis server: `redis://…` or `rediss://…`. For a cluster or for sentinels give `client`. */
  url?: string;
  /**
   * A client that the application has made, instead of `url`: of a lone server, a cluster, or sentinels, by the package
   * `redis` or `ioredis`. The application connects it, listens to its errors, and closes it.
   */
  client?: RedisClient;
  /**
   * The prefix of the keys. It is the same on all instances.
   *
   * @default 'nestjs-refresh-token:proof:'
   */
  prefix?: string;
}

/**
 * Remembers used DPoP proofs in Redis instead of in the database, for all instances. It needs the package `redis`.
 *
 * @throws AuthConfigurationError for an invalid option
 * @example
 * AuthModule.forRoot({ binding: { dpop: { replayStore: redisReplayStore({ url: 'redis://localhost:6379' }) } }, … })
 */
export function redisReplayStore(given: RedisReplayStoreOptions): DpopReplayStore {
  const { target, prefix } = redisOptions('redisReplayStore', { prefix: 'nestjs-refresh-token:proof:' }, given);
  return new RedisReplayStore(target, prefix);
}

class RedisReplayStore implements DpopReplayStore {
  private readonly connection: RedisConnection;

  constructor(
    target: RedisTarget,
    private readonly prefix: string,
  ) {
    this.connection = new RedisConnection('redisReplayStore', target);
  }

  open(lost?: (age: number) => void): Promise<void> {
    return this.connection.open(lost);
  }

  claim(id: string, lifetime: number): Promise<boolean> {
    return this.connection.run('SET', (redis) => redis.claim(this.prefix + id, Math.ceil(lifetime)));
  }

  close(): Promise<void> {
    return this.connection.close();
  }
}
