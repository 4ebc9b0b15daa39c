import type { OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import type { ThrottlerStorage } from '@nestjs/throttler';
import { type RedisClient, redisOptions, type RedisTarget } from '../redis/redis-client.js';
import { RedisConnection } from '../redis/redis-connection.js';

/** The options of {@link redisThrottlerStorage}. */
export interface RedisThrottlerOptions {
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
  const { target, prefix } = redisOptions('redisThrottlerStorage', { prefix: 'nestjs-refresh-token:throttle:' }, given);
  return new RedisThrottlerStorage(target, prefix);
}

class RedisThrottlerStorage implements ThrottlerStorage, OnModuleInit, OnApplicationShutdown {
  private readonly connection: RedisConnection;
  private opening: Promise<void> | undefined;

  constructor(
    target: RedisTarget,
    private readonly prefix: string,
  ) {
    this.connection = new RedisConnection('redisThrottlerStorage', target);
  }

  async onModuleInit(): Promise<void> {
    await this.open();
  }

  async increment(key: string, ttl: number, limit: number, blockDuration: number) {
    // Another module may use this storage without its hooks.
    await this.open();
    const given = [ttl, limit, blockDuration].map((number) => String(Math.ceil(number)));
    const answer = await this.connection.run('EVAL', (redis) => redis.run(INCREMENT, this.prefix + key, given));
    const [totalHits, milliseconds] = (answer as unknown[]).map(Number);
    const timeToExpire = Math.ceil(milliseconds / 1000);
    const isBlocked = totalHits > limit;
    return { totalHits, timeToExpire, isBlocked, timeToBlockExpire: isBlocked ? timeToExpire : 0 };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.opening?.catch(() => undefined);
    await this.connection.close();
    this.opening = undefined;
  }

  private open(): Promise<void> {
    return (this.opening ??= this.connection.open());
  }
}
