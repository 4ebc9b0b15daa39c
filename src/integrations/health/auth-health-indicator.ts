import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { AuthDatabase } from '../../auth/common/database/auth-database.js';
import { AuthModuleRegistry, type Registered } from '../../auth/modules/auth-module-registry.js';
import { RevocationConfig } from '../../auth/revocation/revocation-options.js';
import { RevocationFeed } from '../../auth/revocation/revocation-feed.js';

/**
 * Tells a readiness probe whether this instance can serve sessions. With several `AuthModule`s it tells about all of
 * them. Do not use it for liveness: a restart does not repair a database.
 *
 * @example
 * constructor(private readonly health: HealthCheckService, private readonly auth: AuthHealthIndicator) {}
 *
 * @Public()
 * @HealthCheck()
 * @Get('ready')
 * ready() {
 *   return this.health.check([() => this.auth.isReady('auth')]);
 * }
 */
@Injectable()
export class AuthHealthIndicator implements OnModuleDestroy {
  private draining = false;

  constructor(
    private readonly modules: AuthModuleRegistry,
    private readonly indicators: HealthIndicatorService,
  ) {}

  /** Nest calls it before it closes the server, so requests still arrive. */
  onModuleDestroy(): void {
    this.draining = true;
  }

  /**
   * It is up if the database answers, if the application is not stopping, and if the revocation list is recent enough
   * for `revocation.onStale`. Otherwise it is down, with the reason as `message`. It does not throw.
   *
   * @param key the name of this result in the answer of Terminus
   */
  async isReady<Key extends string = 'auth'>(key: Key = 'auth' as Key): Promise<HealthIndicatorResult<Key>> {
    const indicator = this.indicators.check(key);
    if (this.draining) return indicator.down('The application is stopping.');
    const reasons = await Promise.all(this.modules.all.map(whyNotReady));
    const reason = reasons.find((one) => one !== undefined);
    // The application may have begun to stop during the wait.
    if (this.draining) return indicator.down('The application is stopping.');
    return reason === undefined ? indicator.up() : indicator.down(reason);
  }
}

async function whyNotReady({ service }: Registered): Promise<string | undefined> {
  try {
    await service(AuthDatabase).measureTime();
  } catch {
    return 'The database does not answer.';
  }
  const { stale } = service(RevocationFeed).status;
  const tolerated = service(RevocationConfig).onStale === 'serve';
  return stale && !tolerated ? 'The list of revoked sessions is out of date.' : undefined;
}
