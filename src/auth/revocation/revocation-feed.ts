import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { AuthDatabase } from '../common/database/auth-database.js';
import { AuthError } from '../common/errors/auth-error.js';
import { causeOf } from '../common/errors/cause-of.js';
import { Clock } from '../common/time/clock.js';
import { MeasuredTime } from '../common/time/measured-time.js';
import { withTimeout } from '../common/time/with-timeout.js';
import { AuthEventBus } from '../events/auth-event-bus.js';
import type { AccessFloor } from '../session/access-floor.js';
import { RefreshTokenStore } from '../session/refresh-token.store.js';
import { ClockOffset } from './clock-offset.js';
import { FloorReader } from './floor-reader.js';
import { Outages } from './outages.js';
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
/** Milliseconds after which a statement is given up, because its connection may be dead. */
const LONGEST_STATEMENT = 3_000;
/** Milliseconds between the reads while they fail, if the delay is longer. */
const RETRY = 1_000;
/**
 * Every 30th read looks for changes in the whole list. It finds those of an instance that crashed between stamp and
 * commit.
 */
const READINGS_PER_CATCH_UP = 30;

/**
 * Keeps the floors in memory up to date. It polls the table for changes, and receives them sooner through the channel
 * if one is configured. The database stamps each change with its own clock and computes its age. So the clocks of
 * instances are never compared. Each read also asks the database for its time, and the `Clock` follows it.
 */
@Injectable()
export class RevocationFeed implements OnModuleInit {
  private readonly logger = new Logger(RevocationFeed.name);
  /** Start of the last successful read, by the monotonic clock, in milliseconds. */
  private readAt = -Infinity;
  private readings = 0;
  private reading: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private readonly outages = new Outages();
  private readonly databaseTime = new MeasuredTime();
  private readonly clockOffset = new ClockOffset(this.databaseTime, this.logger);
  private readonly reader: FloorReader;
  private toldStale = false;
  /** The time of the database at the latest read, in milliseconds since the Unix epoch. */
  private measured = 0;
  private channelState: RevocationFeedStatus['channel'];
  private stopped = false;

  constructor(
    store: RefreshTokenStore,
    private readonly list: RevocationList,
    private readonly events: AuthEventBus,
    private readonly config: RevocationConfig,
    private readonly database: AuthDatabase,
    private readonly clock: Clock,
  ) {
    this.reader = new FloorReader(store, ({ raisedAt, ...change }) => list.raise(change, this.ageOf(raisedAt)));
  }

  /**
   * Loads the whole list before the application serves its first request.
   *
   * @throws AuthConfigurationError if the table does not exist, or the driver returns values that cannot be read
   */
  async onModuleInit(): Promise<void> {
    // A clock of a test may have no such method. What is read first is kept by the time of the database, too.
    (this.clock as Partial<Clock>).follow?.(this.databaseTime);
    this.database.onClose(() => this.stop());
    await this.openChannel();
    await this.database.atStart('The list of revoked sessions cannot be read', (remaining) => this.read(remaining));
    this.database.onFailure((startedAt) => this.suspect(startedAt));
    this.schedule();
  }

  get status(): RevocationFeedStatus {
    const age = performance.now() - this.readAt;
    return {
      age: Math.round(age),
      stale: age > this.config.delay,
      floors: this.list.size,
      channel: this.channelState,
      clockOffset: this.clockOffset.current,
    };
  }

  /**
   * Milliseconds since then in which this instance could not read the table, at most two minutes. A request that was
   * due in this time is late without a fault of the client.
   *
   * @param since milliseconds since the Unix epoch, by the `Clock`
   */
  unreadableSince(since: number): number {
    return this.outages.since(performance.now() - (this.clock.now() - since));
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

  /** Reads what has changed until now. */
  async readNow(): Promise<void> {
    // A read that is under way may have begun before the change.
    await this.reading?.catch(() => undefined);
    await this.read();
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

  private async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.config.channel?.close();
  }

  private schedule(): void {
    if (this.stopped) return;
    clearTimeout(this.timer);
    const interval = this.config.delay / READINGS_PER_DELAY;
    this.timer = setTimeout(
      () => void this.tick(),
      this.outages.isFailing ? Math.min(interval, RETRY) : interval,
    ).unref();
  }

  private async tick(): Promise<void> {
    try {
      await this.read();
    } catch (error) {
      if (this.stopped) return;
      if (!this.outages.isFailing)
        this.logger.error(`The list of revoked sessions cannot be read: ${String(causeOf(error))}`);
      this.outages.failed();
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
    if (!this.outages.isUnsuspecting || startedAt <= this.readAt || this.stopped) return;
    this.outages.suspect(startedAt);
    void this.tick();
  }

  /** @param timeout milliseconds for each statement */
  private read(timeout = LONGEST_STATEMENT): Promise<void> {
    this.reading ??= this.readOnce(timeout).finally(() => (this.reading = undefined));
    return this.reading;
  }

  private async readOnce(timeout: number): Promise<void> {
    const limited = <T>(statement: Promise<T>) => withTimeout(timeout, 'Reading the floors', statement);
    const startedAt = performance.now();
    this.outages.tried(startedAt);
    const everything = this.readings % READINGS_PER_CATCH_UP === 0;
    const sinceLast = startedAt - this.readAt + LATEST_COMMIT;
    const { lifetime } = this.list;
    const measurement = await limited(this.database.measureTime());
    this.databaseTime.add(measurement);
    this.measured = measurement.time;
    const lookBack = everything ? lifetime : Math.min(sinceLast, lifetime);
    await this.reader.readSince(this.measured - lookBack, limited);
    this.reader.forgetBefore(this.measured - lifetime);
    this.list.sweep();
    this.readings++;
    this.readAt = startedAt;
    if (this.outages.isFailing) this.logger.log('The list of revoked sessions is up to date again.');
    this.outages.ended(startedAt);
    this.toldStale = false;
    this.clockOffset.report();
  }

  /** Milliseconds, by the clock of the database. */
  private ageOf(raisedAt: number): number {
    return this.measured - raisedAt;
  }
}
