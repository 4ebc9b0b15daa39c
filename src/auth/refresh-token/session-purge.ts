import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { UsedDpopProofStore } from '../binding/dpop/used-dpop-proof.store.js';
import { Clock } from '../common/time/clock.js';
import { RecurringJob } from '../common/time/recurring-job.js';
import { AuthEventBus } from '../events/auth-event-bus.js';
import { RevocationList } from '../revocation/revocation-list.js';
import { RefreshTokenStore } from '../session/refresh-token.store.js';
import { PurgeConfig, RefreshTokenConfig } from '../session/session-options.js';

/**
 * Removes sessions that have been revoked, expired or idle for longer than the retention time, and used DPoP proofs
 * that have expired.
 *
 * It reads the table by primary key, one page at a time. An index for idle sessions would have to be written at every
 * refresh. Several instances may purge at the same time.
 */
@Injectable()
export class SessionPurge implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(SessionPurge.name);
  private readonly job = new RecurringJob((stopping) => this.walk(stopping));

  constructor(
    private readonly store: RefreshTokenStore,
    private readonly usedProofs: UsedDpopProofStore,
    private readonly list: RevocationList,
    private readonly events: AuthEventBus,
    private readonly clock: Clock,
    private readonly config: PurgeConfig,
    private readonly refreshTokenConfig: RefreshTokenConfig,
  ) {}

  onApplicationBootstrap(): void {
    this.job.start(this.config.interval, (error) => this.logger.error(`The purge failed: ${String(error)}`));
  }

  async onModuleDestroy(): Promise<void> {
    await this.job.stop();
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
    let count = 0;
    let after: string | undefined;
    while (!stopping.aborted) {
      const page = await this.store.page(after, batchSize, deadBefore);
      const last = page.at(-1)?.id;
      if (last === undefined) break;
      if (page.some(({ dead }) => dead)) count += await this.store.removeDead(after, last, deadBefore);
      after = last;
    }
    await this.usedProofs.removeExpired();
    if (count > 0) this.events.publish({ type: 'purged', count });
    return count;
  }
}
