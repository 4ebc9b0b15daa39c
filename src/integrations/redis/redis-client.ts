import type { createClient } from 'redis';
import { AuthConfigurationError } from '../../auth/common/errors/auth-error.js';
import { complete } from '../../auth/common/options/checks.js';

export type RedisClient = ReturnType<typeof createClient>;

/** Milliseconds between attempts to connect. */
const RECONNECT_INTERVAL = 500;
/** Milliseconds between pings, which detect a dead connection. */
const PING_INTERVAL = 1_000;
/** Milliseconds without an answer after which a connection is closed. */
const SILENCE = 4 * PING_INTERVAL;

/**
 * Checks the options. Without a URL, the package would connect to a Redis on this machine. No message contains the URL,
 * because it may hold a password.
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

/**
 * Creates a client that has not connected yet. It does not queue commands by default: a command fails if it cannot be
 * sent at once.
 */
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
