import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { AuthError } from '../common/errors/auth-error.js';
import { withTimeout } from '../common/time/with-timeout.js';
import { AuthEventBus } from '../events/auth-event-bus.js';
import type { AccessFloor } from '../session/access-floor.js';
import { RefreshTokenStore } from '../session/refresh-token.store.js';
import { RevocationList } from './revocation-list.js';
import { RevocationConfig } from './revocation-options.js';

/** The state of the revocation list on this instance. */
export interface RevocationFeedStatus {
  /** Milliseconds since the table was last read. */
  readonly age: number;
  /** Whether `age` exceeds the option `revocation.delay`. */
  readonly stale: boolean;
  /** The number of sessions whose floor is held in memory. */
  readonly floors: number;
  /** The state of the revocation channel; `undefined` if none is configured. */
  readonly channel: 'connected' | 'disconnected' | undefined;
}

/** Two reads within the delay, so that one may be late. */
const READINGS_PER_DELAY = 2;
/** Milliseconds that a change may take from its time stamp to its commit. A slower change is stamped again. */
const LATEST_COMMIT = 10_000;
/** Milliseconds after which a read is aborted, because its connection may be dead. */
const LONGEST_READING = 3_000;
/** Every 30th read loads the whole list. It finds changes of an instance that crashed between stamp and commit. */
const READINGS_PER_CATCH_UP = 30;

/**
 * Keeps the floors in memory up to date. It polls the table for changes, and receives them sooner through the channel
 * if one is configured. The database stamps each change with its own clock and computes its age. So the clocks of
 * instances are never compared.
 */
@Injectable()
export class RevocationFeed implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(RevocationFeed.name);
  /** Start of the last successful read, by the monotonic clock, in milliseconds. */
  private readAt = -Infinity;
  private readings = 0;
  private reading: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private failing = false;
  private toldStale = false;
  private channelState: RevocationFeedStatus['channel'];
  private stopped = false;

  constructor(
    private readonly store: RefreshTokenStore,
    private readonly list: RevocationList,
    private readonly events: AuthEventBus,
    private readonly config: RevocationConfig,
  ) {}

  /** Loads the whole list before the application serves its first request. */
  async onModuleInit(): Promise<void> {
    this.openChannel();
    await this.read();
    this.schedule();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.reading?.catch(() => undefined);
    await this.config.channel?.close();
  }

  get status(): RevocationFeedStatus {
    const age = performance.now() - this.readAt;
    return {
      age: Math.round(age),
      stale: age > this.config.delay,
      floors: this.list.size,
      channel: this.channelState,
    };
  }

  /** @throws AuthError `temporarily_unavailable` if the list is stale and `revocation.onStale` is `refuse` */
  assertFresh(): void {
    const { onStale, delay } = this.config;
    if (onStale === 'refuse' && performance.now() - this.readAt > delay) {
      throw new AuthError('temporarily_unavailable', 'The list of revoked sessions is out of date.');
    }
  }

  /**
   * Announces changes that are already in the table. They apply here at once. Other instances learn of them through the
   * channel or by their next read.
   */
  announce(changes: AccessFloor[]): void {
    if (changes.length === 0) return;
    for (const change of changes) this.list.raise(change, 0);
    this.config.channel?.publish(changes).catch(() => {
      // Other instances read the change from the table. The disconnection has already been logged.
    });
  }

  private openChannel(): void {
    const { channel, delay } = this.config;
    if (!channel) return;
    this.channelState = 'disconnected';
    channel.open({
      changed: (changes) => changes.forEach((change) => this.list.raise(change)),
      connected: () => {
        this.channelState = 'connected';
        this.logger.log('The revocation channel is connected.');
        this.catchUp();
      },
      disconnected: (reason) => {
        this.channelState = 'disconnected';
        this.logger.warn(
          `The revocation channel is disconnected. Revocations arrive by polling only, within ${delay} ms. ${reason}`,
        );
      },
    });
  }

  /** Changes published while this instance was disconnected are in the table, so it reads the whole list once. */
  private catchUp(): void {
    this.readings = 0;
    if (this.readAt > -Infinity) void this.tick();
  }

  private schedule(): void {
    if (this.stopped) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.tick(), this.config.delay / READINGS_PER_DELAY).unref();
  }

  private async tick(): Promise<void> {
    try {
      await this.read();
      if (this.failing) this.logger.log('The list of revoked sessions is up to date again.');
      this.failing = false;
      this.toldStale = false;
    } catch (error) {
      const cause = error instanceof AuthError ? error.cause : error;
      if (!this.failing) this.logger.error(`The list of revoked sessions cannot be read: ${String(cause)}`);
      this.failing = true;
      this.tellStale();
    }
    this.schedule();
  }

  /** Publishes the event once per outage. */
  private tellStale(): void {
    if (this.toldStale || !this.status.stale) return;
    this.toldStale = true;
    this.events.publish({ type: 'feed_stale', alert: true });
  }

  private read(): Promise<void> {
    this.reading ??= this.readOnce().finally(() => (this.reading = undefined));
    return this.reading;
  }

  private async readOnce(): Promise<void> {
    const startedAt = performance.now();
    const everything = this.readings % READINGS_PER_CATCH_UP === 0;
    const sinceLast = startedAt - this.readAt + LATEST_COMMIT;
    const youngerThan = Math.ceil(everything ? this.list.lifetime : Math.min(sinceLast, this.list.lifetime));
    const raised = await withTimeout(LONGEST_READING, 'Reading the floors', this.store.floorsRaised(youngerThan));
    for (const { age, ...change } of raised) this.list.raise(change, age);
    this.list.sweep();
    this.readings++;
    this.readAt = startedAt;
  }
}
