import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { causeOf } from '../common/errors/cause-of.js';
import { RefusedRows } from '../common/database/refused-rows.js';
import { Clock } from '../common/time/clock.js';
import { COARSE_TIME } from '../common/time/coarse-time.js';
import { RecurringJob } from '../common/time/recurring-job.js';
import { JobClaims } from '../session/job-claims.js';
import { PurgeConfig } from '../session/session-options.js';
import { AuditConfig } from './audit-options.js';
import type { AuthEventRecord } from './auth-event-record.entity.js';
import { AuthEventWriter } from './auth-event-writer.js';
import { AuthEventStore } from './auth-event.store.js';

/** Filters for events. */
export interface AuthEventQuery {
  sessionId?: string;
  /** Only events before the event with this id. */
  before?: string;
  /** 1 to 1000; 50 by default. */
  limit?: number;
  /**
   * Whether refreshes (`refreshed`, `refresh_repeated`) of the last five minutes are left out. Set it if you show the
   * events to their user, as `GET /auth/events` does: a thief who reads the list must not learn the moment. By default
   * they are included.
   */
  withoutRecentRefreshes?: boolean;
}

/** Milliseconds that a reader waits until queued events are written. */
const LONGEST_WAIT = 1_000;

/** Reads, flushes and purges the stored events. Needs the option `audit.store`. */
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
    private readonly claims: JobClaims,
  ) {}

  onApplicationBootstrap(): void {
    if (!this.store.isOpen) return;
    const { interval } = this.purgeConfig;
    this.purging.start({
      interval,
      isDue: () => this.claims.claim('purge-events', this.store.realm, interval),
      onError: (error) => this.logger.error(`The purge of events failed: ${String(causeOf(error))}`),
    });
  }

  async onModuleDestroy(): Promise<void> {
    await this.purging.stop();
  }

  /**
   * The events of a user, latest first. It first writes the events that are queued on this instance. Events of other
   * instances may be missing for up to `audit.flushInterval`.
   *
   * @throws AuthError `not_found` if events are not stored; `temporarily_unavailable`
   */
  async ofUser(userId: string, query: AuthEventQuery = {}): Promise<AuthEventRecord[]> {
    const { limit = 50, withoutRecentRefreshes = false, ...filters } = query;
    await this.writer.flush(performance.now() + LONGEST_WAIT);
    return this.store.ofUser(userId, {
      ...filters,
      limit: Math.min(Math.max(1, Math.trunc(limit)), 1000),
      refreshesUntil: withoutRecentRefreshes ? this.clock.now() - COARSE_TIME : undefined,
    });
  }

  /** Writes the queued events now. */
  flush(): Promise<void> {
    return this.writer.flush();
  }

  /** The number of queued events and of lost events on this instance. */
  get status(): { waiting: number; lost: number } {
    return { waiting: this.writer.waiting, lost: this.writer.lost };
  }

  /**
   * Removes events older than `audit.retention`, in batches of `purge.batchSize`. Resolves to their number. It also
   * runs every `purge.interval`.
   */
  purge(): Promise<number> {
    return this.purging.run();
  }

  private async purgeInBatches(stopping: AbortSignal): Promise<number> {
    const time = this.clock.now() - this.config.retention;
    const refused = new RefusedRows();
    let count = 0;
    let after: string | undefined;
    while (!stopping.aborted) {
      const ids = await this.store.oldest(time, after, this.purgeConfig.batchSize);
      if (ids.length === 0) break;
      count += await this.store.remove(ids, refused);
      after = ids.at(-1);
    }
    refused.report(this.logger, 'events could not be removed. The next purge tries them again');
    return count;
  }
}
