import type { createClient } from 'redis';
import { AuthConfigurationError } from '../../auth/common/errors/auth-error.js';
import { complete } from '../../auth/common/options/checks.js';

export type RedisClient = ReturnType<typeof createClient>;

/** Milliseconds between two attempts to connect. */
const RECONNECT_INTERVAL = 500;
/** Milliseconds between two signs of life on a connection, so that one that has silently died is noticed. */
const PING_INTERVAL = 1_000;
/** Milliseconds after which a connection that answers nothing is given up. */
const SILENCE = 4 * PING_INTERVAL;

/**
 * Without a URL the package would connect to a Redis on this machine. No message contains the URL, because it may hold a password.
 *
 * @throws AuthConfigurationError for an invalid URL, and for an unknown option
 */
export function redisOptions<T extends { url: string }>(
  where: string,
  defaults: Omit<T, 'url'>,
  given: T,
): Required<T> {
  const options = complete<T>(where, { ...defaults } as T, given, ['url', ...Object.keys(defaults)]);
  if (typeof options.url === 'string' && /^rediss?:\/\//.test(options.url) && URL.canParse(options.url)) {
    return options as Required<T>;
  }
  throw new AuthConfigurationError(`${where}: url must be a URL of Redis, for example 'redis://localhost:6379'.`);
}

/** A client that has not begun to connect. It sends nothing late: what it cannot send at once fails. */
export async function redisClient(url: string, { queue = false } = {}): Promise<RedisClient> {
  const { createClient } = await loadRedis();
  return createClient({
    url,
    pingInterval: PING_INTERVAL,
    disableOfflineQueue: !queue,
    socket: { reconnectStrategy: () => RECONNECT_INTERVAL, connectTimeout: 2_000, socketTimeout: SILENCE },
  }) as RedisClient;
}

async function loadRedis(): Promise<typeof import('redis')> {
  try {
    return await import('redis');
  } catch (cause) {
    throw new AuthConfigurationError(`Redis needs the package redis: npm install redis (${String(cause)})`);
  }
}
