import { Injectable } from '@nestjs/common';
import type { BindingEvidence } from '../binding/binding-evidence.js';
import type { ClientContext } from '../common/request/client-context.js';
import { Clock } from '../common/time/clock.js';
import type { RevocationReason } from '../events/auth-event.js';
import { SessionRevocation } from '../revocation/session-revocation.js';
import type { IssuedTokens, SessionSummary } from '../session/issued-tokens.js';
import { RefreshTokenStore } from '../session/refresh-token.store.js';
import { RefreshTokenConfig } from '../session/session-options.js';
import type { AuthUser } from '../user/user-provider.js';
import { RefreshAttempts } from './refresh-attempt.js';
import { sessionEndReason } from './refresh-rule.js';
import { type IssuedRefreshToken, RefreshTokenCodec } from './refresh-token.codec.js';
import { SessionIssuer } from './session-issuer.js';
import { SessionPurge } from './session-purge.js';
import type { SignInRequest } from './sign-in-request.js';
import { TokenRotation } from './token-rotation.js';

/**
 * Sessions: begun, refreshed, listed, ended. It needs no HTTP; the controllers are one way to call it.
 *
 * @example
 * const tokens = await refreshTokens.issue(user, { transport: 'body' });
 * const next = await refreshTokens.refresh(tokens.refreshToken);
 */
@Injectable()
export class RefreshTokenService {
  constructor(
    private readonly store: RefreshTokenStore,
    private readonly codec: RefreshTokenCodec,
    private readonly sessionIssuer: SessionIssuer,
    private readonly attempts: RefreshAttempts,
    private readonly rotation: TokenRotation,
    private readonly revocation: SessionRevocation,
    private readonly sessionPurge: SessionPurge,
    private readonly clock: Clock,
    private readonly config: RefreshTokenConfig,
  ) {}

  /**
   * Begins a session for a user whom the caller has authenticated; they are loaded again, as at a refresh.
   *
   * @param evidence what binds the session, found by `PresentedBinding`
   * @throws AuthError `invalid_scope`, `invalid_request` where what binds it is missing, `invalid_dpop_proof` where the proof
   * has been used before, `invalid_credentials` where the user is unknown, disabled, or has other credentials
   * by now, `session_limit`, `temporarily_unavailable`
   */
  issue(
    user: AuthUser,
    request: SignInRequest = {},
    client: ClientContext = {},
    evidence: BindingEvidence = {},
  ): Promise<IssuedTokens> {
    return this.sessionIssuer.issue(user, request, client, evidence);
  }

  /**
   * A new access token, and the one successor of the refresh token. A retry within the grace window gets the same
   * successor again.
   *
   * @param evidence what shows that the request comes from where the session is bound to, found by `PresentedBinding`
   * @throws AuthError `invalid_grant` for every token that is no good; `invalid_dpop_proof` where the proof has been used
   * before, and `step_up_required`, the token being as good as before; `temporarily_unavailable` when the database or
   * the user provider fails, the token being as good as before
   */
  refresh(
    refreshToken: string | IssuedRefreshToken,
    client: ClientContext = {},
    evidence: BindingEvidence = {},
  ): Promise<IssuedTokens> {
    return this.rotation.refresh(refreshToken, client, evidence);
  }

  /**
   * What a refresh token says, if this server has issued it. Asks no database: the token may be dead all the same.
   *
   * @throws AuthError `invalid_grant` for every other string
   */
  assertIssued(refreshToken: string, client: ClientContext = {}): IssuedRefreshToken {
    return this.attempts.decode(refreshToken, client);
  }

  /**
   * Ends one session: its refresh token is dead at once. Says whether it was alive.
   *
   * @param userId where given, the session must be this user's
   */
  async revoke(
    sessionId: string,
    reason: RevocationReason,
    { userId, ...client }: { userId?: string } & ClientContext = {},
  ): Promise<boolean> {
    const session = await this.store.find(sessionId);
    if (!session || (userId !== undefined && session.userId !== userId)) return false;
    if (sessionEndReason(session, this.clock.now(), this.config)) return false;
    return this.revocation.end(session, reason, client);
  }

  /** Ends the session of a refresh token, also of one that has been succeeded: it can only ever lose by that. */
  async revokeByToken(
    refreshToken: string | IssuedRefreshToken,
    reason: RevocationReason,
    client: ClientContext = {},
  ): Promise<boolean> {
    const presented = this.codec.decode(refreshToken);
    return presented !== undefined && (await this.revoke(presented.sessionId, reason, client));
  }

  /**
   * Ends the sessions of a user on all devices, but for one where it is named. Says how many.
   *
   * @example
   * await refreshTokens.revokeAllOfUser(user.id, 'password_changed', { exceptSessionId: current.sessionId });
   */
  async revokeAllOfUser(
    userId: string,
    reason: RevocationReason,
    { exceptSessionId, ...client }: { exceptSessionId?: string } & ClientContext = {},
  ): Promise<number> {
    return this.revocation.endAllOfUser(userId, reason, exceptSessionId, client);
  }

  /**
   * To be called once a user's roles or permissions have changed: the access tokens that are out are refused with
   * `token_stale`, on every instance within the stated delay, and one refresh brings the new permissions. Nobody is
   * signed out. Says how many sessions that concerns.
   *
   * @example
   * await this.users.update(user.id, { roles });
   * await this.refreshTokens.permissionsChanged(user.id);
   */
  permissionsChanged(userId: string): Promise<number> {
    return this.revocation.permissionsChanged(userId);
  }

  /** The live sessions of a user, the last used first. */
  async list(userId: string): Promise<SessionSummary[]> {
    const now = this.clock.now();
    const sessions = await this.store.findOfUser(userId);
    return sessions
      .filter((session) => !sessionEndReason(session, now, this.config))
      .map(({ id, clientId, deviceName, userAgent, ip, country, createdAt, lastUsedAt, expiresAt }) => {
        return { id, clientId, deviceName, userAgent, ip, country, createdAt, lastUsedAt, expiresAt };
      });
  }

  /** How many sessions of all users live. It reads the whole table: for a gauge, now and then. */
  countLive(): Promise<number> {
    const now = this.clock.now();
    return this.store.countLive(now, now - this.config.idleTtl);
  }

  /** Removes dead sessions, in bounded batches. Says how many. Runs by itself too: see the option `purge.interval`. */
  purge(): Promise<number> {
    return this.sessionPurge.run();
  }
}
