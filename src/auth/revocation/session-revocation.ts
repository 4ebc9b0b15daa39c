import { Injectable, Logger } from '@nestjs/common';
import type { ClientContext } from '../common/request/client-context.js';
import { causeOf } from '../common/errors/cause-of.js';
import { Clock } from '../common/time/clock.js';
import { AuthEventBus } from '../events/auth-event-bus.js';
import type { RevocationReason } from '../events/auth-event.js';
import { REVOKED_FLOOR } from '../session/access-floor.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import { RefreshTokenStore } from '../session/refresh-token.store.js';
import { RevocationFeed } from './revocation-feed.js';
import { RevocationList } from './revocation-list.js';

/** Sessions of a user that are announced one by one. More than these are read from the table, page by page. */
const MOST_AT_ONCE = 1_000;

/** Revokes sessions and raises floors: first in the table, then in the memory of every instance. */
@Injectable()
export class SessionRevocation {
  private readonly logger = new Logger(SessionRevocation.name);

  constructor(
    private readonly store: RefreshTokenStore,
    private readonly feed: RevocationFeed,
    private readonly list: RevocationList,
    private readonly events: AuthEventBus,
    private readonly clock: Clock,
  ) {}

  /** Revokes a session. Resolves to `true` if this call revoked it. */
  async end(session: RefreshToken, reason: RevocationReason, client: ClientContext): Promise<boolean> {
    const ended = await this.store.revoke(session.id, this.clock.now(), reason);
    if (ended) this.ended(session, reason, client);
    return ended;
  }

  /** Announces a session that is already revoked in the table. */
  ended({ id, userId, clientId, generation }: RefreshToken, reason: RevocationReason, client: ClientContext): void {
    this.feed.announce([{ sessionId: id, floor: REVOKED_FLOOR }]);
    this.events.publish({ type: 'revoked', sessionId: id, userId, clientId, generation, reason, ...client });
  }

  /** Announces a floor that a rotation has raised in the table; does nothing if it has not. */
  floorRaised(before: RefreshToken, { id: sessionId, accessFloor: floor }: RefreshToken): void {
    if (floor !== before.accessFloor) this.feed.announce([{ sessionId, floor }]);
  }

  /** Revokes all sessions of a user, except one if given. Resolves to the number of revoked sessions. */
  async endAllOfUser(
    userId: string,
    reason: RevocationReason,
    exceptSessionId: string | undefined,
    client: ClientContext,
  ): Promise<number> {
    const known = await this.store.findSomeOfUser(userId, MOST_AT_ONCE);
    const count = await this.store.revokeAllOfUser(userId, this.clock.now(), reason, exceptSessionId);
    if (count === 0) return 0;
    const ended = known.filter(({ id }) => id !== exceptSessionId);
    for (const { id: sessionId, clientId, generation } of ended) {
      this.events.publish({ type: 'revoked', sessionId, userId, clientId, generation, reason, ...client });
    }
    // Sessions that were too many, or started between the two statements.
    const others = count - ended.length;
    if (others > 0) this.events.publish({ type: 'revoked', userId, reason, count: others, ...client });
    await this.announceOfUser(userId, count);
    return count;
  }

  /** Makes the current access tokens of a user stale. Resolves to the number of sessions concerned. */
  async permissionsChanged(userId: string): Promise<number> {
    const count = await this.store.raiseFloorsOfUser(userId);
    this.events.publish({ type: 'permissions_changed', userId, count });
    if (count > 0) await this.announceOfUser(userId, count);
    return count;
  }

  /** The change is already in the table. If it cannot be announced, instances read it from there. */
  private async announceOfUser(userId: string, count: number): Promise<void> {
    try {
      if (count > MOST_AT_ONCE) await this.feed.readNow();
      else this.feed.announce(await this.store.floorsOfUser(userId, this.list.lifetime));
    } catch (error) {
      this.logger.warn(`A revocation could not be announced. It takes effect by polling: ${String(causeOf(error))}`);
    }
  }
}
