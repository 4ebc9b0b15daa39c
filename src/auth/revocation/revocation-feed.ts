import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { AuthDatabase } from '../common/database/auth-database.js';
import { AuthError } from '../common/errors/auth-error.js';
import { Clock } from '../common/time/clock.js';
import { MeasuredTime } from '../common/time/measured-time.js';
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
  /**
   * Milliseconds by which the clock of this machine is ahead of the clock of the database; negative if it is late. The
   * module uses the time of the database, so this is for information only.
   */
  readonly clockOffset: number;
}

/** Two reads within the delay, so that one may be late. */
const READINGS_PER_DELAY = 2;
/** Milliseconds that a change may take from its time stamp to its commit. A slower change is stamped again. */
const LATEST_COMMIT = 10_000;
/** Milliseconds after which a read is aborted, because its connection may be dead. */
const LONGEST_READING = 3_000;
/** Milliseconds. A machine whose clock is off by more is reported. */
const WORST_CLOCK_OFFSET = 5_000;
/** Milliseconds. A read that takes less is normal. */
const SLOW_READING = 1_000;
/** Milliseconds between the reads while they fail, if the delay is longer. */
const RETRY = 1_000;
/** Milliseconds. Longer outages count as this long. */
const LONGEST_OUTAGE = 120_000;
/** Milliseconds for which outages are remembered. */
const OUTAGES_KEPT = 300_000;
/** Every 30th read loads the whole list. It finds changes of an instance that crashed between stamp and commit. */
const READINGS_PER_CATCH_UP = 30;

/**
 * Keeps the floors in memory up to date. It polls the table for changes, and receives them sooner through the channel
 * if one is configured. The database stamps each change with its own clock and computes its age. So the clocks of
 * instances are never compared. Each read also asks the database for its time, and the `Clock` follows it.
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
  /** When the first read began that has not succeeded yet, by the monotonic clock. */
  private triedSince: number | undefined;
  /** When a failed statement began that the next read is to explain, by the monotonic clock. */
  private suspectedSince: number | undefined;
  /** When the table could not be read, by the monotonic clock. */
  private outages: { from: number; to: number }[] = [];
  private readonly databaseTime = new MeasuredTime();
  private toldClockOff = false;
  private toldStale = false;
  private channelState: RevocationFeedStatus['channel'];
  private stopped = false;

  constructor(
    private readonly store: RefreshTokenStore,
    private readonly list: RevocationList,
    private readonly events: AuthEventBus,
    private readonly config: RevocationConfig,
    private readonly database: AuthDatabase,
    private readonly clock: Clock,
  ) {}

  /** Loads the whole list before the application serves its first request. */
  async onModuleInit(): Promise<void> {
    await this.openChannel();
    await this.read();
    // A clock of a test may have no such method.
    (this.clock as Partial<Clock>).follow?.(this.databaseTime);
    this.database.onFailure((startedAt) => this.suspect(startedAt));
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
      clockOffset: this.clockOffset,
    };
  }

  /**
   * Milliseconds since then in which this instance could not read the table, at most two minutes. A request that was
   * due in this time is late without a fault of the client.
   *
   * @param since milliseconds since the Unix epoch, by the `Clock`
   */
  unreadableSince(since: number): number {
    const now = performance.now();
    const from = now - (this.clock.now() - since);
    const lasted = [...this.outages, ...this.outageUntil(now)].map((one) =>
      Math.max(0, one.to - Math.max(one.from, from)),
    );
    return Math.min(Math.round(lasted.reduce((total, time) => total + time, 0)), LONGEST_OUTAGE);
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

  private async openChannel(): Promise<void> {
    const { channel, delay } = this.config;
    if (!channel) return;
    this.channelState = 'disconnected';
    await channel.open({
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
    const interval = this.config.delay / READINGS_PER_DELAY;
    this.timer = setTimeout(() => void this.tick(), this.failing ? Math.min(interval, RETRY) : interval).unref();
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

  /** A statement has failed. The next read may be far away, so reads at once to see whether the table can be read. */
  private suspect(startedAt: number): void {
    // A statement that began before the last read says nothing new.
    if (this.triedSince !== undefined || this.suspectedSince !== undefined || startedAt <= this.readAt || this.stopped)
      return;
    this.suspectedSince = startedAt;
    void this.tick();
  }

  private read(): Promise<void> {
    this.reading ??= this.readOnce().finally(() => (this.reading = undefined));
    return this.reading;
  }

  private async readOnce(): Promise<void> {
    const startedAt = performance.now();
    this.triedSince ??= startedAt;
    const everything = this.readings % READINGS_PER_CATCH_UP === 0;
    const sinceLast = startedAt - this.readAt + LATEST_COMMIT;
    const youngerThan = Math.ceil(everything ? this.list.lifetime : Math.min(sinceLast, this.list.lifetime));
    const raised = await withTimeout(LONGEST_READING, 'Reading the floors', this.ask(youngerThan));
    for (const { age, ...change } of raised) this.list.raise(change, age);
    this.list.sweep();
    this.readings++;
    this.readAt = startedAt;
    this.endOutage(startedAt);
    this.reportClock();
  }

  private async ask(youngerThan: number): Promise<(AccessFloor & { age: number })[]> {
    this.databaseTime.add(await this.database.measureTime());
    return this.store.floorsRaised(youngerThan);
  }

  /** @param startedAt when the read began that has succeeded */
  private endOutage(startedAt: number): void {
    const now = performance.now();
    // The first read after the failed statement went well: it was the statement's own trouble, for example a locked row.
    if (this.triedSince === startedAt && now - startedAt <= SLOW_READING) this.suspectedSince = undefined;
    this.outages = [...this.outages, ...this.outageUntil(now)].filter(({ to }) => to > now - OUTAGES_KEPT);
    this.triedSince = undefined;
    this.suspectedSince = undefined;
  }

  /** The outage that lasts until now, if there is one. */
  private outageUntil(now: number): { from: number; to: number }[] {
    const { triedSince = now, suspectedSince = triedSince } = this;
    const confirmed = this.failing || now - triedSince > SLOW_READING;
    const from = confirmed ? Math.min(triedSince, suspectedSince) : triedSince;
    return now - from > SLOW_READING ? [{ from, to: now }] : [];
  }

  private get clockOffset(): number {
    const wallClock = Date.now();
    return wallClock - (this.databaseTime.now() ?? wallClock);
  }

  /** Says once that the clock of this machine is off, and once that it no longer is. */
  private reportClock(): void {
    const { clockOffset } = this;
    const off = Math.abs(clockOffset) > WORST_CLOCK_OFFSET;
    if (off === this.toldClockOff) return;
    this.toldClockOff = off;
    if (!off) return this.logger.log('The clock of this machine agrees with the clock of the database again.');
    const seconds = Math.abs(clockOffset / 1000).toFixed(1);
    this.logger.warn(
      `The clock of this machine is ${seconds} s ${clockOffset > 0 ? 'ahead of' : 'behind'} the clock of the database. ` +
        'Sessions and tokens use the time of the database. Correct the clock of this machine, for example by NTP.',
    );
  }
}
