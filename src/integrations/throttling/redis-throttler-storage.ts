import type { OnApplicationShutdown } from '@nestjs/common';
import type { ThrottlerStorage } from '@nestjs/throttler';
import { redisClient, type RedisClient, redisOptions } from '../redis/redis-client.js';

/** The options of {@link redisThrottlerStorage}. */
export interface RedisThrottlerOptions {
  /** The Redis server: `redis://…` or `rediss://…`. */
  url: string;
  /**
   * The prefix of the keys. It is the same on all instances.
   *
   * @default 'nestjs-refresh-token:throttle:'
   */
  prefix?: string;
}

/**
 * Increments the count. When it exceeds the limit, it keeps the count for the block duration. A script is atomic; two
 * commands are not.
 */
const INCREMENT = `
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
if count == tonumber(ARGV[2]) + 1 then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return { count, redis.call('PTTL', KEYS[1]) }`;

/**
 * Counts failures in Redis, for all instances together. While Redis is unavailable nothing is counted, so no new block begins. An
 * instance keeps the blocks that it knows. It needs the package `redis`.
 *
 * @throws AuthConfigurationError for an invalid option
 * @example
 * AuthThrottlingModule.forRoot({ storage: redisThrottlerStorage({ url: 'redis://localhost:6379' }) })
 */
export function redisThrottlerStorage(given: RedisThrottlerOptions): ThrottlerStorage & OnApplicationShutdown {
  const { url, prefix } = redisOptions('redisThrottlerStorage', { prefix: 'nestjs-refresh-token:throttle:' }, given);
  return new RedisThrottlerStorage(url, prefix);
}

class RedisThrottlerStorage implements ThrottlerStorage, OnApplicationShutdown {
  private client: RedisClient | undefined;
  private connecting: Promise<void> | undefined;

  constructor(
    private readonly url: string,
    private readonly prefix: string,
  ) {}

  async increment(key: string, ttl: number, limit: number, blockDuration: number) {
    await (this.connecting ??= this.connect());
    if (!this.client?.isReady) throw new Error('Redis is not connected');
    const answer = await this.client.eval(INCREMENT, {
      keys: [this.prefix + key],
      arguments: [ttl, limit, blockDuration].map((number) => String(Math.ceil(number))),
    });
    const [totalHits, milliseconds] = (answer as unknown[]).map(Number);
    const timeToExpire = Math.ceil(milliseconds / 1000);
    const isBlocked = totalHits > limit;
    return { totalHits, timeToExpire, isBlocked, timeToBlockExpire: isBlocked ? timeToExpire : 0 };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.connecting?.catch(() => undefined);
    if (this.client?.isOpen) this.client.destroy();
    this.client = undefined;
    this.connecting = undefined;
  }

  /** The first failure waits for the connection for a limited time. Reconnection happens in the background. */
  private async connect(): Promise<void> {
    const client = await redisClient(this.url);
    // An unavailable Redis is noticed when a failure must be counted.
    client.on('error', () => undefined);
    this.client = client;
    const connected = client.connect().catch(() => undefined);
    const timeout = new Promise((resolve) => setTimeout(resolve, 1000).unref());
    await Promise.race([connected, timeout]);
  }
}
