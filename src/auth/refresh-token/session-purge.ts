import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { UsedDpopProofStore } from '../binding/dpop/used-dpop-proof.store.js';
import { RefusedRows } from '../common/database/refused-rows.js';
import { causeOf } from '../common/errors/cause-of.js';
import { Clock } from '../common/time/clock.js';
import { RecurringJob } from '../common/time/recurring-job.js';
import { AuthEventBus } from '../events/auth-event-bus.js';
import { RevocationList } from '../revocation/revocation-list.js';
import { DeadSessions } from '../session/dead-sessions.js';
import { JobClaims } from '../session/job-claims.js';
import { PurgeConfig, RefreshTokenConfig } from '../session/session-options.js';

/**
 * Removes sessions that have been revoked, expired or idle for longer than the retention time, and used DPoP proofs
 * that have expired.
 *
 * It reads the whole table, one part after the other. An index for idle sessions would have to be written at every
 * refresh. Of several instances, one purges in each interval.
 */
@Injectable()
export class SessionPurge implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(SessionPurge.name);
  private readonly job = new RecurringJob((stopping) => this.walk(stopping));

  constructor(
    private readonly sessions: DeadSessions,
    private readonly usedProofs: UsedDpopProofStore,
    private readonly list: RevocationList,
    private readonly events: AuthEventBus,
    private readonly clock: Clock,
    private readonly config: PurgeConfig,
    private readonly refreshTokenConfig: RefreshTokenConfig,
    private readonly claims: JobClaims,
  ) {}

  onApplicationBootstrap(): void {
    const { interval } = this.config;
    this.job.start({
      interval,
      isDue: () => this.claims.claim('purge', this.sessions.tableName, interval),
      onError: (error) => this.logger.error(`The purge failed: ${String(causeOf(error))}`),
    });
  }

  onModuleDestroy(): void {
    this.job.stop();
  }

  /** Purges once. A call during a purge waits for that purge. Returns the number of removed sessions. */
  run(): Promise<number> {
    return this.job.run();
  }

  private async walk(stopping: AbortSignal): Promise<number> {
    const { retention, batchSize } = this.config;
    // Keep the rows while their access tokens may live: an instance that starts reads from the table which tokens are
    // revoked.
    const end = this.clock.now() - Math.max(retention, this.list.lifetime);
    const deadBefore = { expiresAt: end, lastUsedAt: end - this.refreshTokenConfig.idleTtl, revokedAt: end };
    const refused = new RefusedRows();
    let count = 0;
    for await (const ids of this.sessions.find(deadBefore)) {
      if (stopping.aborted) break;
      count += await this.sessions.remove(ids, deadBefore, batchSize, refused);
    }
    refused.report(this.logger, 'sessions could not be removed. The next purge tries them again');
    await this.usedProofs.removeExpired();
    if (count > 0) this.events.publish({ type: 'purged', count });
    return count;
  }
}
