import { Injectable } from '@nestjs/common';
import { afterCommitOf, type HostTransaction, type InTransaction } from '../common/database/host-transaction.js';
import { unknownOption } from '../common/options/checks.js';
import { Clock } from '../common/time/clock.js';
import { AuthEventBus } from '../events/auth-event-bus.js';
import type { RevocationReason } from '../events/auth-event.js';
import { clientIn, type RevocationOrigin, withActor } from '../revocation/revocation-origin.js';
import { SessionRevocation } from '../revocation/session-revocation.js';
import { eventIdsOf } from '../session/event-ids.js';
import type { SessionSummary } from '../session/issued-tokens.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import { RefreshTokenStore } from '../session/refresh-token.store.js';
import { DETAIL_FIELDS, detailColumns, type SessionDetails } from '../session/session-details.js';
import { SessionDetailsStore } from '../session/session-details.store.js';
import { RefreshTokenConfig } from '../session/session-options.js';
import { summariesOf } from '../session/session-summary.js';
import { RefreshAttempts } from './refresh-attempt.js';
import { sessionEndReason } from './refresh-rule.js';
import type { IssuedRefreshToken } from './refresh-token.codec.js';

/** Whose session it must be, in which transaction, and who does it. */
export interface OfSession extends InTransaction, RevocationOrigin {
  /** If given, the session must belong to this user. */
  readonly userId?: string;
}

/** Lists, describes and ends the live sessions of users: what `RefreshTokenService` does without a refresh. */
@Injectable()
export class UserSessions {
  constructor(
    private readonly store: RefreshTokenStore,
    private readonly details: SessionDetailsStore,
    private readonly attempts: RefreshAttempts,
    private readonly revocation: SessionRevocation,
    private readonly events: AuthEventBus,
    private readonly clock: Clock,
    private readonly config: RefreshTokenConfig,
  ) {}

  async list(userId: string): Promise<SessionSummary[]> {
    const sessions = await this.store.findOfUser(userId);
    return summariesOf(sessions.filter((session) => this.isLive(session)));
  }

  countLive(): Promise<number> {
    const now = this.clock.now();
    return this.store.countLive(now, now - this.config.idleTtl);
  }

  /** Resolves to `false` if there is no such live session. */
  async update(id: string, details: SessionDetails, { userId, manager, ...origin }: OfSession): Promise<boolean> {
    const unknown = unknownOption('update', details, Object.keys(DETAIL_FIELDS));
    if (unknown !== undefined) throw new TypeError(unknown);
    withActor(origin);
    const columns = detailColumns(details);
    const transaction = await this.store.transactionOf({ manager });
    const session = await this.liveOf(id, userId, transaction);
    if (!session) return false;
    const isEmpty = Object.keys(columns).length === 0;
    if (isEmpty) return true;
    if (!(await this.details.write(session, columns, transaction))) {
      const now = await this.liveOf(id, userId, transaction);
      if (!now || !Object.entries(columns).every(([name, value]) => now[name as keyof RefreshToken] === value))
        return false;
    }
    await afterCommitOf(transaction, async () =>
      this.events.publish({ type: 'session_updated', ...eventIdsOf(session), ...origin }),
    );
    return true;
  }

  async end(id: string, reason: RevocationReason, { userId, manager, ...origin }: OfSession): Promise<boolean> {
    withActor(origin);
    const transaction = await this.store.transactionOf({ manager });
    const session = await this.liveOf(id, userId, transaction);
    return session !== undefined && this.revocation.end(session, reason, origin, transaction);
  }

  async endByToken(
    refreshToken: string | IssuedRefreshToken,
    reason: RevocationReason,
    { manager, ...origin }: InTransaction & RevocationOrigin,
  ): Promise<boolean> {
    const transaction = await this.store.transactionOf({ manager });
    const client = clientIn(withActor(origin));
    const session = await this.attempts.sessionOf(refreshToken, client, transaction);
    if (!session || !this.isLive(session)) return false;
    return this.revocation.end(session, reason, origin, transaction);
  }

  /** @param credentialsChanged whether the session that stays takes over the new credentials */
  async endAll(
    userId: string,
    reason: RevocationReason,
    exceptId: string | undefined,
    credentialsChanged: boolean,
    { manager, ...origin }: InTransaction & RevocationOrigin,
  ): Promise<number> {
    withActor(origin);
    const transaction = await this.store.transactionOf({ manager });
    if (exceptId !== undefined && credentialsChanged)
      await this.store.forgetCredentials(exceptId, userId, this.clock.now(), transaction);
    return this.revocation.endAllOfUser(userId, reason, exceptId, origin, transaction);
  }

  private async liveOf(
    id: string,
    userId: string | undefined,
    transaction: HostTransaction | undefined,
  ): Promise<RefreshToken | undefined> {
    const session = await this.store.find(id, transaction);
    if (!session || (userId !== undefined && session.userId !== userId)) return undefined;
    return this.isLive(session) ? session : undefined;
  }

  private isLive(session: RefreshToken): boolean {
    return sessionEndReason(session, this.clock.now(), this.config) === undefined;
  }
}
