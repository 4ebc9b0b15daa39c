import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Clock } from '../common/time/clock.js';
import { RecurringJob } from '../common/time/recurring-job.js';
import { PurgeConfig } from '../session/session-options.js';
import { AuditConfig } from './audit-options.js';
import type { AuthEventRecord } from './auth-event-record.entity.js';
import { AuthEventWriter } from './auth-event-writer.js';
import { AuthEventStore } from './auth-event.store.js';

/** Which events are asked for. */
export interface AuthEventQuery {
  sessionId?: string;
  /** The id of an event: only those before it. */
  before?: string;
  /** 1 to 1000; 50 by default. */
  limit?: number;
}

/** Milliseconds that a reader waits for what is still to be written. */
const LONGEST_WAIT = 1_000;

/** The stored events: read, written out, and purged. Needs the option `audit.store`. */
@Injectable()
export class AuthEventLog implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(AuthEventLog.name);
  private readonly purging = new RecurringJob((stopping) => this.purgeInBatches(stopping));

  constructor(
    private readonly store: AuthEventStore,
    private readonly writer: AuthEventWriter,
    private readonly clock: Clock,
    private readonly config: AuditConfig,
    private readonly purgeConfig: PurgeConfig,
  ) {}

  onApplicationBootstrap(): void {
    if (!this.store.isOpen) return;
    this.purging.start(this.purgeConfig.interval, (error) =>
      this.logger.error(`The purge of events failed: ${String(error)}`),
    );
  }

  async onModuleDestroy(): Promise<void> {
    await this.purging.stop();
  }

  /**
   * The events of a user, the latest first. Events that wait on this instance are written first. Events of other instances from the last
   * `audit.flushInterval` may be missing.
   *
   * @throws AuthError `not_found` if events are not stored; `temporarily_unavailable`
   */
  async ofUser(userId: string, { limit = 50, ...query }: AuthEventQuery = {}): Promise<AuthEventRecord[]> {
    await this.writer.flush(performance.now() + LONGEST_WAIT);
    return this.store.ofUser(userId, { ...query, limit: Math.min(Math.max(1, Math.trunc(limit)), 1000) });
  }

  /** Writes what is queued now. */
  flush(): Promise<void> {
    return this.writer.flush();
  }

  /** Events that wait to be written, and that were lost, on this instance. */
  get status(): { waiting: number; lost: number } {
    return { waiting: this.writer.waiting, lost: this.writer.lost };
  }

  /**
   * Removes the events that are older than `audit.retention`, in batches of `purge.batchSize`; says how many. Runs by itself
   * too, every `purge.interval`.
   */
  purge(): Promise<number> {
    return this.purging.run();
  }

  private async purgeInBatches(stopping: AbortSignal): Promise<number> {
    const time = this.clock.now() - this.config.retention;
    let count = 0;
    while (!stopping.aborted) {
      const removed = await this.store.removeBefore(time, this.purgeConfig.batchSize);
      count += removed;
      if (removed === 0) break;
    }
    return count;
  }
}
