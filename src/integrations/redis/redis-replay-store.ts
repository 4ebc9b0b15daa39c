import { setTimeout as delay } from 'node:timers/promises';
import type { DpopReplayStore } from '../../auth/binding/dpop/dpop-replay-store.js';
import { redisClient, type RedisClient, redisOptions } from './redis-client.js';

/** The options of {@link redisReplayStore}. */
export interface RedisReplayStoreOptions {
  /** The Redis server: `redis://…` or `rediss://…`. */
  url: string;
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
  const { url, prefix } = redisOptions('redisReplayStore', { prefix: 'nestjs-refresh-token:proof:' }, given);
  return new RedisReplayStore(url, prefix);
}

/** Milliseconds that the application waits for Redis at its start. */
const FIRST_CONNECTION = 2_000;

class RedisReplayStore implements DpopReplayStore {
  private client: RedisClient | undefined;

  constructor(
    private readonly url: string,
    private readonly prefix: string,
  ) {}

  async open(): Promise<void> {
    const client = await redisClient(this.url);
    // An unavailable Redis is noticed when a proof must be recorded.
    client.on('error', () => undefined);
    this.client = client;
    const connected = client.connect().catch(() => undefined);
    await Promise.race([connected, delay(FIRST_CONNECTION, undefined, { ref: false })]);
  }

  async claim(id: string, lifetime: number): Promise<boolean> {
    if (!this.client?.isReady) throw new Error('Redis is not connected');
    const answer = await this.client.set(this.prefix + id, '1', {
      condition: 'NX',
      expiration: { type: 'PX', value: Math.ceil(lifetime) },
    });
    return answer === 'OK';
  }

  async close(): Promise<void> {
    if (this.client?.isOpen) this.client.destroy();
  }
}
