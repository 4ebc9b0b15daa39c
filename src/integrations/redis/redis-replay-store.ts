import { setTimeout as delay } from 'node:timers/promises';
import type { DpopReplayStore } from '../../auth/binding/dpop/dpop-replay-store.js';
import { redisClient, type RedisClient, redisOptions } from './redis-client.js';

/** What {@link redisReplayStore} takes. */
export interface RedisReplayStoreOptions {
  /** `redis://…` or `rediss://…`. */
  url: string;
  /** What the keys begin with; the same on all instances. */
  prefix?: string;
}

/**
 * Remembers in Redis which DPoP proofs have been used, for all instances, instead of in the database. Needs the package
 * `redis`.
 *
 * @throws AuthConfigurationError
 * @example
 * AuthModule.forRoot({ binding: { dpop: { replayStore: redisReplayStore({ url: 'redis://localhost:6379' }) } }, … })
 */
export function redisReplayStore(given: RedisReplayStoreOptions): DpopReplayStore {
  const { url, prefix } = redisOptions('redisReplayStore', { prefix: 'nestjs-refresh-token:proof:' }, given);
  return new RedisReplayStore(url, prefix);
}

/** Milliseconds that an application waits for it when it starts. */
const FIRST_CONNECTION = 2_000;

class RedisReplayStore implements DpopReplayStore {
  private client: RedisClient | undefined;

  constructor(
    private readonly url: string,
    private readonly prefix: string,
  ) {}

  async open(): Promise<void> {
    const client = await redisClient(this.url);
    // That it is away is seen when something is to be remembered.
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
