import type { FloorChange } from '../../auth/session/access-floor.js';
import type { FloorChannel, FloorChannelListener } from '../../auth/revocation/revocation-channel.js';
import { redisClient, type RedisClient, redisOptions } from './redis-client.js';

export interface RedisFloorChannelOptions {
  /** `redis://…` or `rediss://…`. */
  url: string;
  /** The name of the Redis channel; the same on all instances. */
  name?: string;
}

/**
 * Brings revocations to the other instances by Redis, within milliseconds. Needs the package `redis`.
 *
 * @throws AuthConfigurationError
 * @example
 * AuthModule.forRoot({ revocation: { channel: redisFloorChannel({ url: 'redis://localhost:6379' }) }, … })
 */
export function redisFloorChannel(given: RedisFloorChannelOptions): FloorChannel {
  const { url, name } = redisOptions('redisFloorChannel', { name: 'nestjs-refresh-token:floors' }, given);
  return new RedisFloorChannel(url, name);
}

class RedisFloorChannel implements FloorChannel {
  private publisher: RedisClient | undefined;
  private subscriber: RedisClient | undefined;
  private subscribed = false;
  private connected: boolean | undefined;
  private closed = false;

  constructor(
    private readonly url: string,
    private readonly name: string,
  ) {}

  open(listener: FloorChannelListener): void {
    // Options that were made once may serve one application after another.
    this.closed = false;
    this.subscribed = false;
    this.connected = undefined;
    this.connect(listener).catch((error: unknown) => this.isAway(listener, error));
  }

  async publish(changes: FloorChange[]): Promise<void> {
    if (!this.publisher?.isReady) throw new Error('Redis is not connected');
    await this.publisher.publish(this.name, encode(changes));
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const client of [this.publisher, this.subscriber]) if (client?.isOpen) client.destroy();
  }

  private async connect(listener: FloorChannelListener): Promise<void> {
    // What could not be sent is read from the table; sent late it would be of no use.
    const publisher = await redisClient(this.url);
    const subscriber = await redisClient(this.url, { queue: true });
    if (this.closed) return;
    this.publisher = publisher;
    // Its state is of no interest until there is something to publish.
    this.publisher.on('error', () => undefined);
    this.subscriber = subscriber;
    this.subscriber.on('error', (error: unknown) => this.isAway(listener, error));
    // After a reconnection the subscription has been made anew by then.
    this.subscriber.on('ready', () => this.subscribed && this.isHere(listener));
    void this.publisher.connect().catch(() => undefined);
    await this.subscriber.connect();
    await this.subscriber.subscribe(this.name, (message) => listener.changed(decode(message)));
    this.subscribed = true;
    this.isHere(listener);
  }

  private isHere(listener: FloorChannelListener): void {
    if (this.closed || this.connected === true) return;
    this.connected = true;
    listener.connected();
  }

  private isAway(listener: FloorChannelListener, error: unknown): void {
    if (this.closed || this.connected === false) return;
    this.connected = false;
    listener.disconnected(String(error));
  }
}

function encode(changes: FloorChange[]): string {
  return JSON.stringify(changes.map(({ sessionId, floor }) => [sessionId, floor]));
}

/** Whatever is not of our making is passed over. */
function decode(message: string): FloorChange[] {
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
