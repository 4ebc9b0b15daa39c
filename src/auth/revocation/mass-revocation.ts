import { Injectable } from '@nestjs/common';
import { Clock } from '../common/time/clock.js';
import { AuthEventBus } from '../events/auth-event-bus.js';
import type { RevocationReason } from '../events/auth-event.js';
import { RefreshTokenStore } from '../session/refresh-token.store.js';
import { PurgeConfig } from '../session/session-options.js';
import { RevocationFeed } from './revocation-feed.js';

/** Which sessions `RefreshTokenService.revokeAll` ends. Give at least one time. If you give both, both must hold. */
export interface RevokeAllOptions {
  /** Ends sessions that were last used before this time. A number is milliseconds since the Unix epoch. */
  readonly usedBefore?: Date | number;
  /** Ends sessions that began before this time. A number is milliseconds since the Unix epoch. */
  readonly createdBefore?: Date | number;
  /**
   * Why the sessions end; it appears in the event.
   *
   * @default 'revoked_all'
   */
  readonly reason?: RevocationReason;
}

const OPTIONS = ['usedBefore', 'createdBefore', 'reason'];

/** Later than all times of sessions. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER;

/** No session is this old. A smaller number is usually a time in seconds. */
const YEAR_2000 = Date.UTC(2000);

/**
 * Ends sessions of all users. It reads the table by primary key, one page at a time. So it holds the locks of one page
 * only, and no page stays in memory.
 */
@Injectable()
export class MassRevocation {
  constructor(
    private readonly store: RefreshTokenStore,
    private readonly feed: RevocationFeed,
    private readonly events: AuthEventBus,
    private readonly clock: Clock,
    private readonly config: PurgeConfig,
  ) {}

  /** Resolves to the number of revoked sessions. If it rejects, the pages until then are revoked. */
  async run(options: RevokeAllOptions): Promise<number> {
    const limits = limitsOf(options);
    const reason = options.reason ?? 'revoked_all';
    let count = 0;
    try {
      for (let after: string | undefined; ;) {
        const last = await this.store.lastOfPage(after, this.config.batchSize);
        if (last === undefined) return count;
        const page = { after, last };
        const revokedAt = this.clock.now();
        const revoked = await this.store.revokePage(page, limits, revokedAt, reason);
        count += revoked;
        if (revoked > 0) this.feed.announce(await this.store.floorsOfPage(page, revokedAt));
        after = last;
      }
    } finally {
      if (count > 0) this.events.publish({ type: 'revoked', reason, count });
    }
  }
}

function limitsOf(options: RevokeAllOptions): Record<'lastUsedAt' | 'createdAt', number> {
  const { usedBefore, createdBefore } = options ?? {};
  const unknown = Object.keys(options ?? {}).find((name) => !OPTIONS.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`revokeAll: there is no option "${unknown}". The options are: ${OPTIONS.join(', ')}.`);
  }
  if (usedBefore === undefined && createdBefore === undefined) {
    throw new TypeError(
      'revokeAll needs usedBefore or createdBefore. To end all sessions, call revokeAll({ createdBefore: new Date() }).',
    );
  }
  return {
    lastUsedAt: millisecondsOf('usedBefore', usedBefore),
    createdAt: millisecondsOf('createdBefore', createdBefore),
  };
}

function millisecondsOf(name: string, given: Date | number | undefined): number {
  if (given === undefined) return NO_LIMIT;
  const time = given instanceof Date ? given.getTime() : given;
  if (Number.isSafeInteger(time) && time >= YEAR_2000) return time;
  throw new TypeError(`revokeAll: ${name} must be a valid Date, or whole milliseconds since the Unix epoch.`);
}
