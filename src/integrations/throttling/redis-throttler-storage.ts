import type { OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import type { ThrottlerStorage } from '@nestjs/throttler';
import type { Admission, AttemptStorage, CountedFailure, Limit } from './attempt-storage.js';
import type { FailureKey } from './failure-keys.js';
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
 * Milliseconds after which the place of an attempt is free if its instance has died. Only a check that has been answered
 * with 503 can take longer.
 */
const LEASE = 60_000;

/**
 * Each key is one sorted set. The score of an attempt under way is the end of its lease, that of a failure is the negated
 * end of its time. So their ranges are apart. The member `blocked` has the end of the block.
 */
const STATE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local text = function(number) return string.format('%.0f', number) end
local keep = function(kept)
  if redis.call('PTTL', KEYS[1]) < tonumber(kept) then redis.call('PEXPIRE', KEYS[1], kept) end
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], text(-now), text(now))
local blocked = redis.call('ZSCORE', KEYS[1], 'blocked')`;

/** Refuses, or adds the attempt under way. Times are in milliseconds. */
const BEGIN =
  STATE +
  `
local id, most, lease, kept = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
if blocked then return { 0, blocked - now } end
if redis.call('ZCARD', KEYS[1]) >= most then return { 0, 0 } end
redis.call('ZADD', KEYS[1], text(now + lease), id)
keep(kept)
return { 1, 0 }`;

/** Makes a failure of the attempt under way. The last allowed failure begins the block. */
const FAIL =
  STATE +
  `
local id, most, per, kept = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
redis.call('ZREM', KEYS[1], id)
if blocked then return { most, blocked - now, 1 } end
redis.call('ZADD', KEYS[1], text(-now - per), id)
keep(kept)
local failures = redis.call('ZCOUNT', KEYS[1], '-inf', '(0')
if failures < most then return { failures, 0, 0 } end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(0')
redis.call('ZADD', KEYS[1], text(now + per), 'blocked')
return { failures, per, 0 }`;

const FREE = `return redis.call('ZREM', KEYS[1], ARGV[1])`;

/**
 * Counts failures and attempts under way in Redis, for all instances together. While Redis is unavailable, each instance
 * counts its own, and tells Redis later. An instance keeps the blocks that it knows. It needs the package `redis`.
 *
 * @throws AuthConfigurationError for an invalid option
 * @example
 * AuthThrottlingModule.forRoot({ storage: redisThrottlerStorage({ url: 'redis://localhost:6379' }) })
 */
export function redisThrottlerStorage(given: RedisThrottlerOptions): ThrottlerStorage & OnApplicationShutdown {
  const { target, prefix } = redisOptions('redisThrottlerStorage', { prefix: 'nestjs-refresh-token:throttle:' }, given);
  return new RedisThrottlerStorage(target, prefix);
}

class RedisThrottlerStorage implements ThrottlerStorage, AttemptStorage, OnModuleInit, OnApplicationShutdown {
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
    const [totalHits, milliseconds] = await this.run(INCREMENT, key, ttl, limit, blockDuration);
    const timeToExpire = Math.ceil(milliseconds / 1000);
    const isBlocked = totalHits > limit;
    return { totalHits, timeToExpire, isBlocked, timeToBlockExpire: isBlocked ? timeToExpire : 0 };
  }

  async begin(key: string, id: string, { most, per }: Limit): Promise<Admission> {
    const [isAdmitted, blockedFor] = await this.run(BEGIN, key, id, most, LEASE, Math.max(per, LEASE));
    return { isAdmitted: isAdmitted === 1, blockedFor };
  }

  async fail({ key }: FailureKey, id: string, { most, per }: Limit): Promise<CountedFailure> {
    const [failures, blockedFor, isLate] = await this.run(FAIL, key, id, most, per, Math.max(per, LEASE));
    return { failures, blockedFor, isLate: isLate === 1 };
  }

  async free(key: string, id: string): Promise<void> {
    await this.run(FREE, key, id);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.opening?.catch(() => undefined);
    await this.connection.close();
    this.opening = undefined;
  }

  private async run(script: string, key: string, ...given: (string | number)[]): Promise<number[]> {
    // Another module may use this storage without its hooks.
    await this.open();
    const texts = given.map((one) => String(typeof one === 'number' ? Math.ceil(one) : one));
    const answer = await this.connection.run('EVAL', (redis) => redis.run(script, this.prefix + key, texts));
    return [answer].flat().map(Number);
  }

  private open(): Promise<void> {
    return (this.opening ??= this.connection.open());
  }
}
