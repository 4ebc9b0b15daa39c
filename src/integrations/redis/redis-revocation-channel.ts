import type { RevocationChannel, RevocationChannelListener } from '../../auth/revocation/revocation-channel.js';
import type { AccessFloor } from '../../auth/session/access-floor.js';
import { redisClient, type RedisClient, redisOptions } from './redis-client.js';

/** The options of {@link redisRevocationChannel}. */
export interface RedisRevocationChannelOptions {
  /** The Redis server: `redis://…` or `rediss://…`. */
  url: string;
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
  const { url, name } = redisOptions('redisRevocationChannel', { name: 'nestjs-refresh-token:revocations' }, given);
  return new RedisRevocationChannel(url, name);
}

class RedisRevocationChannel implements RevocationChannel {
  private publisher: RedisClient | undefined;
  private subscriber: RedisClient | undefined;
  private subscribed = false;
  private connected: boolean | undefined;
  private closed = false;

  constructor(
    private readonly url: string,
    private readonly name: string,
  ) {}

  open(listener: RevocationChannelListener): void {
    // The same options may serve several applications, one after another.
    this.closed = false;
    this.subscribed = false;
    this.connected = undefined;
    this.connect(listener).catch((error: unknown) => this.isAway(listener, error));
  }

  async publish(changes: AccessFloor[]): Promise<void> {
    if (!this.publisher?.isReady) throw new Error('Redis is not connected');
    await this.publisher.publish(this.name, encode(changes));
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const client of [this.publisher, this.subscriber]) if (client?.isOpen) client.destroy();
  }

  private async connect(listener: RevocationChannelListener): Promise<void> {
    // Other instances read unsent changes from the table, so a delayed message would be useless.
    const publisher = await redisClient(this.url);
    const subscriber = await redisClient(this.url, { queue: true });
    if (this.closed) return;
    this.publisher = publisher;
    // The state of the publisher matters only when there is something to publish.
    this.publisher.on('error', () => undefined);
    this.subscriber = subscriber;
    this.subscriber.on('error', (error: unknown) => this.isAway(listener, error));
    // After a reconnection, the client has already subscribed again at this point.
    this.subscriber.on('ready', () => this.subscribed && this.isHere(listener));
    void this.publisher.connect().catch(() => undefined);
    await this.subscriber.connect();
    await this.subscriber.subscribe(this.name, (message) => listener.changed(decode(message)));
    this.subscribed = true;
    this.isHere(listener);
  }

  private isHere(listener: RevocationChannelListener): void {
    if (this.closed || this.connected === true) return;
    this.connected = true;
    listener.connected();
  }

  private isAway(listener: RevocationChannelListener, error: unknown): void {
    if (this.closed || this.connected === false) return;
    this.connected = false;
    listener.disconnected(String(error));
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
