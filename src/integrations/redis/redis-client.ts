import { AuthConfigurationError } from '../../auth/common/errors/auth-error.js';
import { assertTrimmed, complete } from '../../auth/common/options/checks.js';

/**
 * A client of the package `redis`: what `createClient`, `createClientPool`, `createCluster` or `createSentinel` returns.
 * Only these members are used.
 */
export interface NodeRedisClient {
  readonly isOpen: boolean;
  set(
    key: string,
    value: string,
    options: { condition: 'NX'; expiration: { type: 'PX'; value: number } },
  ): Promise<unknown>;
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
  on(event: string, listener: (...given: unknown[]) => void): unknown;
  off(event: string, listener: (...given: unknown[]) => void): unknown;
}

/** A client of the package `ioredis`: a `Redis` or a `Cluster`. Only these members are used. */
export interface IoRedisClient {
  readonly status: string;
  set(key: string, value: string, px: 'PX', milliseconds: number, nx: 'NX'): Promise<unknown>;
  eval(script: string, keys: number, ...given: string[]): Promise<unknown>;
  publish(channel: string, message: string): Promise<unknown>;
  duplicate(): unknown;
  on(event: string, listener: (...given: unknown[]) => void): unknown;
  off(event: string, listener: (...given: unknown[]) => void): unknown;
}

/** A client that the application has made itself: of a lone server, a cluster, or a master with sentinels. */
export type RedisClient = NodeRedisClient | IoRedisClient;

/** Where Redis is: a URL, or a client that the application has made. */
export type RedisTarget = { readonly url: string } | { readonly client: RedisClient };

interface GivenTarget {
  url?: string;
  client?: RedisClient;
}

export function isIoRedis(client: RedisClient): client is IoRedisClient {
  return 'status' in client && 'call' in client;
}

/**
 * Checks the options. Without a URL, the package would connect to a Redis on this machine. No message contains the URL,
 * because it may hold a password.
 *
 * @throws AuthConfigurationError unless there is either a valid URL or a client, for an unknown option, and for white
 *   space at the ends of a text
 */
export function redisOptions<T extends GivenTarget>(
  where: string,
  defaults: Omit<T, keyof GivenTarget>,
  given: T,
): Required<Omit<T, keyof GivenTarget>> & { target: RedisTarget } {
  const known = ['url', 'client', ...Object.keys(defaults)];
  const { url, client, ...options } = complete<T>(where, { ...defaults } as T, given, known);
  for (const [name, value] of Object.entries({ url, ...options })) {
    if (typeof value === 'string') assertTrimmed(`${where}: ${name}`, value);
  }
  return { ...(options as Required<Omit<T, keyof GivenTarget>>), target: targetOf(where, url, client) };
}

function targetOf(where: string, url: unknown, client: unknown): RedisTarget {
  if (client !== undefined) {
    if (url !== undefined) throw new AuthConfigurationError(`${where}: url and client exclude each other. Remove one.`);
    if (isClient(client)) return { client };
    throw new AuthConfigurationError(
      `${where}: client must be a client of the package redis (5 or later) or ioredis, for example the result of createCluster.`,
    );
  }
  if (typeof url === 'string' && /^rediss?:\/\//.test(url) && URL.canParse(url)) return { url };
  throw new AuthConfigurationError(
    `${where}: url must be a URL of Redis, for example 'redis://localhost:6379'. For a cluster or sentinels give client.`,
  );
}

function isClient(value: unknown): value is RedisClient {
  const client = (value ?? {}) as Record<string, unknown>;
  const isKnown = typeof client.isOpen === 'boolean' || (typeof client.status === 'string' && 'call' in client);
  return isKnown && ['set', 'eval', 'on', 'off'].every((method) => typeof client[method] === 'function');
}
