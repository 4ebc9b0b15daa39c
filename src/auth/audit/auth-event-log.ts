import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { causeOf } from '../common/errors/cause-of.js';
import { RefusedRows } from '../common/database/refused-rows.js';
import { AuthError } from '../common/errors/auth-error.js';
import { Clock } from '../common/time/clock.js';
import { COARSE_TIME } from '../common/time/coarse-time.js';
import { RecurringJob } from '../common/time/recurring-job.js';
import { JobClaims } from '../session/job-claims.js';
import { PurgeConfig } from '../session/session-options.js';
import { AccountNames } from './account-names.js';
import { AuditConfig } from './audit-options.js';
import { type AuthEventQuery, checkedQuery } from './auth-event-query.js';
import type { AuthEventRecord } from './auth-event-record.entity.js';
import { AuthEventWriter } from './auth-event-writer.js';
import { AuthEventStore } from './auth-event.store.js';

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
    private readonly accounts: AccountNames,
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

  onModuleDestroy(): void {
    this.purging.stop();
  }

  /**
   * The events of a user, latest first. It first writes the events that are queued on this instance. Events of other
   * instances may be missing for up to `audit.flushInterval`.
   *
   * @throws AuthError `not_found` if events are not stored; `temporarily_unavailable`
   * @throws AuthError `invalid_request` if a filter is not valid
   */
  async ofUser(userId: string, query: Omit<AuthEventQuery, 'userId'> = {}): Promise<AuthEventRecord[]> {
    // Without a user, the events of all users would be found.
    if (userId == null) throw new AuthError('invalid_request', 'Not valid: userId.');
    return this.find({ ...query, userId: String(userId) });
  }

  /**
   * The events of all users that match the filters, latest first. It is for operators. Like `ofUser`, it first writes what
   * is queued on this instance.
   *
   * @throws AuthError `not_found` if events are not stored; `temporarily_unavailable`
   * @throws AuthError `invalid_request` if a filter is unknown or not valid; the message names it
   * @example
   * const lastHour = new Date(Date.now() - 3_600_000);
   * await log.find({ type: ['sign_in_failed', 'throttled'], ip: '192.0.2.7', since: lastHour });
   */
  async find(query: AuthEventQuery = {}): Promise<AuthEventRecord[]> {
    const checked = checkedQuery(query, (account) => this.accountHashes(account));
    await this.writer.flush(performance.now() + LONGEST_WAIT);
    return this.store.find(checked, this.clock.now() - COARSE_TIME);
  }

  /**
   * The hashes by which events tell the account of a failed login: one for each configured secret. New events have the
   * first one. Names that differ in case only, or in white space at the ends, are the same account.
   *
   * @example
   * const [hash] = log.accountHashes('alice'); // to search for it in log files
   */
  accountHashes(username: string): string[] {
    return this.accounts.hashes(username);
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
