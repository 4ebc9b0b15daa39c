import type { RevocationChannel, RevocationChannelListener } from '../../auth/revocation/revocation-channel.js';
import type { AccessFloor } from '../../auth/session/access-floor.js';
import { CircuitBreaker } from '../../auth/common/time/circuit-breaker.js';
import { AuthConfigurationError } from '../../auth/common/errors/auth-error.js';
import { type RedisClient, redisOptions, type RedisTarget } from './redis-client.js';
import { canSubscribe } from './redis-commands.js';
import { RedisConnection } from './redis-connection.js';
import { RedisSubscription } from './redis-subscription.js';

/** The options of {@link redisRevocationChannel}. */
export interface RedisRevocationChannelOptions {
  /** A lone Redis server: `redis://…` or `rediss://…`. For a cluster or for sentinels give `client`. */
  url?: string;
  /**
   * A client that the application has made, instead of `url`: of a lone server, a cluster, or sentinels, by the package
   * `redis` or `ioredis`. The application connects it, listens to its errors, and closes it.
   */
  client?: RedisClient;
  /**
   * The name of the Redis channel. It is the same on all instances.
   *
   * @default 'nestjs-refresh-token:revocations'
   */
  name?: string;
}

/**
 * Carries revocations to the other instances through Redis, within milliseconds. It needs the package `redis`.
 *
 * @throws AuthConfigurationError for an invalid option
 * @example
 * AuthModule.forRoot({ revocation: { channel: redisRevocationChannel({ url: 'redis://localhost:6379' }) }, … })
 */
export function redisRevocationChannel(given: RedisRevocationChannelOptions): RevocationChannel {
  const { target, name } = redisOptions('redisRevocationChannel', { name: 'nestjs-refresh-token:revocations' }, given);
  if ('client' in target && !canSubscribe(target.client)) {
    throw new AuthConfigurationError(
      'redisRevocationChannel: client is a pool, which cannot subscribe. Give the result of createClient.',
    );
  }
  return new RedisRevocationChannel(target, name);
}

class RedisRevocationChannel implements RevocationChannel {
  private readonly connection: RedisConnection;
  private readonly breaker = new CircuitBreaker({ name: 'Publishing revocations' }, () => performance.now());
  private subscription: RedisSubscription | undefined;

  constructor(
    target: RedisTarget,
    private readonly name: string,
  ) {
    this.connection = new RedisConnection('redisRevocationChannel', target);
  }

  async open({ changed, connected, disconnected }: RevocationChannelListener): Promise<void> {
    const received = (message: string) => changed(decode(message));
    const subscription = new RedisSubscription(this.connection, this.name, { received, connected, disconnected });
    this.subscription = subscription;
    await this.connection.open();
    subscription.start();
  }

  async publish(changes: AccessFloor[]): Promise<void> {
    // Other instances read unsent changes from the table, so a delayed message would be useless.
    await this.breaker.run(() => this.connection.run('PUBLISH', (redis) => redis.publish(this.name, encode(changes))));
  }

  async close(): Promise<void> {
    this.subscription?.end();
    await this.connection.close();
  }
}

function encode(changes: AccessFloor[]): string {
  return JSON.stringify(changes.map(({ sessionId, floor }) => [sessionId, floor]));
}

/** Ignores messages that this library did not send. */
function decode(message: string): AccessFloor[] {
  try {
    const pairs = JSON.parse(message) as unknown;
    if (!Array.isArray(pairs)) return [];
    return pairs
      .filter((pair): pair is [string, number] => typeof pair?.[0] === 'string' && Number.isSafeInteger(pair[1]))
      .map(([sessionId, floor]) => ({ sessionId, floor }));
  } catch {
    return [];
  }
}
