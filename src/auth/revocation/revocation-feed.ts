import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { AuthError } from '../common/errors/auth-error.js';
import { withTimeout } from '../common/time/with-timeout.js';
import { AuthEventBus } from '../events/auth-event-bus.js';
import type { AccessFloor } from '../session/access-floor.js';
import { RefreshTokenStore } from '../session/refresh-token.store.js';
import { RevocationList } from './revocation-list.js';
import { RevocationConfig } from './revocation-options.js';

/** How old the revocation list of this instance is. */
export interface RevocationFeedStatus {
  /** Milliseconds since the table was last read. */
  readonly age: number;
  /** Whether that is longer than the stated delay. */
  readonly stale: boolean;
  /** Sessions whose floor is held in memory. */
  readonly floors: number;
  /** The state of the channel, if one is configured. */
  readonly channel: 'connected' | 'disconnected' | undefined;
}

/** Two readings within the delay, so that one may be late. */
const READINGS_PER_DELAY = 2;
/** Milliseconds that a change may take from its time stamp to its commit; one that takes longer is stamped again. */
const LATEST_COMMIT = 10_000;
/** Milliseconds after which a reading is given up, because its connection may have died in silence. */
const LONGEST_READING = 3_000;
/** After this number of readings of new changes, everything is read once. This finds changes of an instance that died meanwhile. */
const READINGS_PER_CATCH_UP = 30;

/**
 * Keeps the revocation list in memory up to date. It reads the changes from the table, and gets them sooner through a channel if one is
 * configured. The database stamps the changes with its own clock and tells their age, so no two clocks are compared.
 */
@Injectable()
export class RevocationFeed implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(RevocationFeed.name);
  /** By the monotonic clock, in milliseconds. */
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

  /** The whole list is here before the first request is served. */
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

  /** @throws AuthError `temporarily_unavailable` where a stale list is to refuse all tokens */
  assertFresh(): void {
    const { onStale, delay } = this.config;
    if (onStale === 'refuse' && performance.now() - this.readAt > delay) {
      throw new AuthError('temporarily_unavailable', 'The list of revoked sessions is out of date.');
    }
  }

  /** Tells of changes that are already in the table: here at once, elsewhere by the channel, or by the next reading. */
  announce(changes: AccessFloor[]): void {
    if (changes.length === 0) return;
    for (const change of changes) this.list.raise(change);
    this.config.channel?.publish(changes).catch(() => {
      // The others read it from the table. That the channel is away has been said when it went.
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
          `The revocation channel is away: revocations arrive by polling alone, within ${delay} ms. ${reason}`,
        );
      },
    });
  }

  /** What was said while nobody listened is in the table. */
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

  /** Once per outage. */
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
