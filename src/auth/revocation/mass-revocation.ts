import { Injectable, Logger } from '@nestjs/common';
import { isOfRows, RefusedRows } from '../common/database/refused-rows.js';
import { AuthError } from '../common/errors/auth-error.js';
import { unknownOption } from '../common/options/checks.js';
import { Clock } from '../common/time/clock.js';
import { givenTime } from '../common/time/given-time.js';
import { AuthEventBus } from '../events/auth-event-bus.js';
import type { RevocationReason } from '../events/auth-event.js';
import { type Page, RefreshTokenStore } from '../session/refresh-token.store.js';
import { PurgeConfig } from '../session/session-options.js';
import { RevocationFeed } from './revocation-feed.js';
import { withActor } from './revocation-origin.js';

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
  /** Who ends them; it appears in the event. At most 255 characters. */
  readonly actor?: string;
}

const OPTIONS = ['usedBefore', 'createdBefore', 'reason', 'actor'];

/** Later than all times of sessions. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER;

type Limits = Record<'lastUsedAt' | 'createdAt', number>;

/** One call of `revokeAll`. */
interface Run {
  readonly limits: Limits;
  readonly reason: RevocationReason;
  readonly refused: RefusedRows;
  count: number;
}

/**
 * Ends sessions of all users. It reads the table by primary key, one page at a time. So it holds the locks of one page
 * only, and no page stays in memory.
 */
@Injectable()
export class MassRevocation {
  private readonly logger = new Logger(MassRevocation.name);

  constructor(
    private readonly store: RefreshTokenStore,
    private readonly feed: RevocationFeed,
    private readonly events: AuthEventBus,
    private readonly clock: Clock,
    private readonly config: PurgeConfig,
  ) {}

  /**
   * Resolves to the number of revoked sessions. If the database refuses to write some of them, it revokes all others and
   * rejects then. If it rejects because the database is away, the pages until then are revoked.
   */
  async run(options: RevokeAllOptions): Promise<number> {
    const limits = limitsOf(options);
    const { reason = 'revoked_all', actor } = withActor(options);
    const run: Run = { limits, reason, refused: new RefusedRows(), count: 0 };
    try {
      await this.revokePages(run, this.config.batchSize);
    } finally {
      if (run.count > 0) this.events.publish({ type: 'revoked', reason, count: run.count, actor });
    }
    run.refused.report(this.logger, 'sessions could not be revoked');
    if (run.refused.count > 0) throw new AuthError('temporarily_unavailable', undefined, { cause: run.refused.error });
    return run.count;
  }

  /** Revokes the sessions of this part of the table; by default all. */
  private async revokePages(run: Run, size: number, { after, last: end }: Partial<Page> = {}): Promise<void> {
    for (;;) {
      const last = await this.store.lastOfPage(after, size, end);
      if (last === undefined) return;
      await this.revokePage(run, size, { after, last });
      after = last;
    }
  }

  /** If the database refuses a page, its rows are written one by one. */
  private async revokePage(run: Run, size: number, page: Page): Promise<void> {
    const revokedAt = this.clock.now();
    let revoked: number;
    try {
      revoked = await this.store.revokePage(page, run.limits, revokedAt, run.reason);
    } catch (error) {
      const { cause } = error as AuthError;
      if (!isOfRows(cause)) throw error;
      if (size > 1 && run.refused.isWorthSplitting) return this.revokePages(run, 1, page);
      return run.refused.add(size, cause);
    }
    run.count += revoked;
    if (revoked > 0) this.feed.announce(await this.store.floorsOfPage(page, revokedAt));
  }
}

function limitsOf(options: RevokeAllOptions): Limits {
  const { usedBefore, createdBefore } = options ?? {};
  const unknown = unknownOption('revokeAll', options, OPTIONS);
  if (unknown !== undefined) throw new TypeError(unknown);
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
  const time = givenTime(given);
  if (time !== undefined) return time;
  throw new TypeError(`revokeAll: ${name} must be a valid Date, or whole milliseconds since the Unix epoch.`);
}
