import { Injectable, Logger } from '@nestjs/common';
import { afterCommitOf, type HostTransaction } from '../common/database/host-transaction.js';
import { causeOf } from '../common/errors/cause-of.js';
import { Clock } from '../common/time/clock.js';
import { AuthEventBus } from '../events/auth-event-bus.js';
import type { RevocationReason } from '../events/auth-event.js';
import { REVOKED_FLOOR } from '../session/access-floor.js';
import { eventIdsOf } from '../session/event-ids.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import { RefreshTokenStore } from '../session/refresh-token.store.js';
import { MassRevocation, type RevokeAllOptions } from './mass-revocation.js';
import { RevocationFeed } from './revocation-feed.js';
import type { RevocationOrigin } from './revocation-origin.js';
import { RevocationList } from './revocation-list.js';

/** Sessions of a user that are announced one by one. More than these are read from the table, page by page. */
const MOST_AT_ONCE = 1_000;

/** Revokes sessions and raises floors: first in the table, then in the memory of every instance. */
@Injectable()
export class SessionRevocation {
  private readonly logger = new Logger(SessionRevocation.name);

  constructor(
    private readonly mass: MassRevocation,
    private readonly store: RefreshTokenStore,
    private readonly feed: RevocationFeed,
    private readonly list: RevocationList,
    private readonly events: AuthEventBus,
    private readonly clock: Clock,
  ) {}

  /** Revokes a session. Resolves to `true` if this call revoked it. */
  async end(
    session: RefreshToken,
    reason: RevocationReason,
    client: RevocationOrigin,
    transaction?: HostTransaction,
  ): Promise<boolean> {
    const { id } = session;
    const ended = await this.store.revoke(id, this.clock.now(), reason, transaction);
    if (!ended) return false;
    if (!transaction) this.ended(session, reason, client);
    await transaction?.afterCommit(async () => {
      // PostgreSQL answers the COMMIT of a failed transaction, too: it rolls back.
      const { revokedAt } = (await this.store.find(id, transaction)) ?? session;
      if (revokedAt !== null) this.ended(session, reason, client);
    });
    return true;
  }

  /** Like `end`. Resolves to `false` if the session has changed since it was read. */
  async endUnchanged(session: RefreshToken, reason: RevocationReason, client: RevocationOrigin): Promise<boolean> {
    const ended = await this.store.revokeUnchanged(session, this.clock.now(), reason);
    if (ended) this.ended(session, reason, client);
    return ended;
  }

  /** Announces a session that is already revoked in the table. */
  ended(session: RefreshToken, reason: RevocationReason, client: RevocationOrigin): void {
    this.feed.announce([{ sessionId: session.id, floor: REVOKED_FLOOR }]);
    this.events.publish({ type: 'revoked', ...eventIdsOf(session), reason, ...client });
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
    client: RevocationOrigin,
    transaction?: HostTransaction,
  ): Promise<number> {
    const known = await this.store.findSomeOfUser(userId, MOST_AT_ONCE, transaction);
    const count = await this.store.revokeAllOfUser(userId, this.clock.now(), reason, exceptSessionId, transaction);
    if (count === 0) return 0;
    const ended = known.filter(({ id }) => id !== exceptSessionId);
    await afterCommitOf(transaction, async () => {
      const floors = await this.announceOfUser(userId, count, transaction);
      // PostgreSQL answers the COMMIT of a failed transaction, too: it rolls back.
      const isRevoked = ({ id }: RefreshToken) => floors?.get(id) === REVOKED_FLOOR;
      if (transaction && floors && ended.length > 0 && !ended.some(isRevoked)) return;
      for (const session of ended) {
        this.events.publish({ type: 'revoked', ...eventIdsOf(session), reason, ...client });
      }
      // Sessions that were too many, or started between the two statements.
      const others = count - ended.length;
      if (others > 0) this.events.publish({ type: 'revoked', userId, reason, count: others, ...client });
    });
    return count;
  }

  /**
   * Revokes the sessions of a user that the host has soft-deleted, without events: for the host they are gone. Their access
   * tokens still live until then.
   */
  async endDeletedOfUser(userId: string, reason: RevocationReason): Promise<void> {
    const count = await this.store.revokeDeletedOfUser(userId, this.clock.now(), reason);
    if (count > 0) await this.announceOfUser(userId, count, undefined);
  }

  /** Revokes sessions of all users: see `MassRevocation`. */
  endAll(options: RevokeAllOptions): Promise<number> {
    return this.mass.run(options);
  }

  /** Makes the current access tokens of a user stale. Resolves to the number of sessions concerned. */
  async permissionsChanged(userId: string, actor: string | undefined, transaction?: HostTransaction): Promise<number> {
    const known = transaction ? await this.store.findSomeOfUser(userId, MOST_AT_ONCE, transaction) : [];
    const count = await this.store.raiseFloorsOfUser(userId, transaction);
    await afterCommitOf(transaction, async () => {
      const floors = count > 0 ? await this.announceOfUser(userId, count, transaction) : undefined;
      // The host may have rolled back a savepoint by hand.
      const isRaised = ({ id, accessFloor }: RefreshToken) => (floors?.get(id) ?? accessFloor) > accessFloor;
      if (floors && known.length > 0 && !known.some(isRaised)) return;
      this.events.publish({ type: 'permissions_changed', userId, count, actor });
    });
    return count;
  }

  /**
   * The change is already in the table. If it cannot be announced, instances read it from there. Resolves to the floors
   * that it has announced, by session id, if it knows them.
   */
  private async announceOfUser(
    userId: string,
    count: number,
    transaction: HostTransaction | undefined,
  ): Promise<ReadonlyMap<string, number> | undefined> {
    try {
      if (count > MOST_AT_ONCE) {
        // The transaction may have the only connection.
        const read = this.feed.readNow();
        if (!transaction) await read;
        else read.catch(() => undefined);
        return undefined;
      }
      const floors = await this.store.floorsOfUser(userId, this.list.lifetime, transaction);
      this.feed.announce(floors);
      return new Map(floors.map(({ sessionId, floor }) => [sessionId, floor]));
    } catch (error) {
      this.logger.warn(`A revocation could not be announced. It takes effect by polling: ${String(causeOf(error))}`);
      return undefined;
    }
  }
}
