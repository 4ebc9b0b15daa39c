import { randomUUID } from 'node:crypto';
import { withTimeout } from '../../auth/common/time/with-timeout.js';
import type { RedisSubscriber } from './redis-commands.js';
import type { RedisConnection } from './redis-connection.js';

/** The callbacks of a {@link RedisSubscription}. */
export interface SubscriptionListener {
  received(message: string): void;
  /** From now on every message arrives. */
  connected(): void;
  disconnected(reason: string): void;
}

/** Milliseconds between two messages to itself. */
const ECHO_INTERVAL = 1_000;
/** Milliseconds without a message to itself after which a subscription is replaced. Nothing waits for it. */
const SILENCE = 3 * ECHO_INTERVAL;
/** Milliseconds between attempts to subscribe. */
const RETRY = 500;

/**
 * A subscription to one channel that notices when it no longer works. It sends itself a message every second. So it
 * needs no knowledge of how a client of a cluster or of sentinels reconnects. A subscription that falls silent is
 * replaced.
 */
export class RedisSubscription {
  private readonly echo = JSON.stringify({ echo: randomUUID() });
  private subscriber: RedisSubscriber | undefined;
  private heardAt = 0;
  private connected: boolean | undefined;
  private timer: NodeJS.Timeout | undefined;
  private ended = false;

  constructor(
    private readonly connection: RedisConnection,
    private readonly channel: string,
    private readonly listener: SubscriptionListener,
  ) {}

  start(): void {
    void this.turn();
  }

  end(): void {
    this.ended = true;
    clearTimeout(this.timer);
    this.drop();
  }

  private async turn(): Promise<void> {
    try {
      if (this.subscriber && performance.now() - this.heardAt > SILENCE) {
        this.drop();
        throw new Error(`Nothing has arrived for ${SILENCE} ms`);
      }
      if (!this.subscriber) await this.subscribe();
      await this.connection.run('PUBLISH', (redis) => redis.publish(this.channel, this.echo));
    } catch (error) {
      this.isAway(error);
    }
    if (this.ended) return;
    this.timer = setTimeout(() => void this.turn(), this.connected ? ECHO_INTERVAL : RETRY).unref();
  }

  private async subscribe(): Promise<void> {
    const redis = await this.connection.identifiedCommands();
    if (this.ended) return;
    // A client may call back at once.
    const current: { subscriber?: RedisSubscriber } = {};
    const isCurrent = () => this.subscriber !== undefined && this.subscriber === current.subscriber;
    const subscriber = redis.subscribe(this.channel, {
      received: (message) => isCurrent() && this.receive(message),
      failed: (error) => isCurrent() && this.isAway(error),
    });
    current.subscriber = subscriber;
    this.subscriber = subscriber;
    try {
      await withTimeout(SILENCE, 'SUBSCRIBE at Redis', subscriber.ready);
      this.heardAt = performance.now();
    } catch (error) {
      this.drop();
      throw error;
    }
  }

  private drop(): void {
    const { subscriber } = this;
    this.subscriber = undefined;
    subscriber?.end();
  }

  private receive(message: string): void {
    this.heardAt = performance.now();
    if (message !== this.echo) return this.listener.received(message);
    if (this.ended || this.connected === true) return;
    this.connected = true;
    this.listener.connected();
  }

  private isAway(error: unknown): void {
    if (this.ended || this.connected === false) return;
    this.connected = false;
    this.listener.disconnected(String(error));
  }
}
