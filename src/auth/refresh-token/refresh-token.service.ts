import { Injectable } from '@nestjs/common';
import type { BindingEvidence } from '../binding/binding-evidence.js';
import type { InTransaction } from '../common/database/host-transaction.js';
import type { ClientContext } from '../common/request/client-context.js';
import { traced } from '../common/tracing/traced.js';
import type { RevocationReason } from '../events/auth-event.js';
import type { RevokeAllOptions } from '../revocation/mass-revocation.js';
import { type RevocationOrigin, withActor } from '../revocation/revocation-origin.js';
import { SessionRevocation } from '../revocation/session-revocation.js';
import type { IssuedTokens, SessionSummary } from '../session/issued-tokens.js';
import { RefreshTokenStore } from '../session/refresh-token.store.js';
import type { SessionDetails } from '../session/session-details.js';
import type { AuthUser } from '../user/user-provider.js';
import { RefreshAttempts } from './refresh-attempt.js';
import type { IssuedRefreshToken } from './refresh-token.codec.js';
import { SessionIssuer } from './session-issuer.js';
import { SessionPurge } from './session-purge.js';
import type { SignInRequest } from './sign-in-request.js';
import { TokenRotation } from './token-rotation.js';
import type { TokenUse } from './token-use.js';
import { type ForgetUserOptions, type ForgottenUser, UserErasure } from './user-erasure.js';
import { type OfSession, UserSessions } from './user-sessions.js';

/**
 * Begins, refreshes, lists and ends sessions. It does not depend on HTTP: the controllers are one way to call it.
 *
 * @example
 * const tokens = await refreshTokens.issue(user, { transport: 'body' });
 * const next = await refreshTokens.refresh(tokens.refreshToken);
 */
@Injectable()
export class RefreshTokenService {
  constructor(
    private readonly store: RefreshTokenStore,
    private readonly sessionIssuer: SessionIssuer,
    private readonly attempts: RefreshAttempts,
    private readonly rotation: TokenRotation,
    private readonly revocation: SessionRevocation,
    private readonly erasure: UserErasure,
    private readonly sessionPurge: SessionPurge,
    private readonly sessions: UserSessions,
  ) {}

  /**
   * Begins a session for a user whom the caller has authenticated. The user is loaded again before tokens are issued.
   *
   * @param user whom you have authenticated
   * @param request client id, device name, scope, transport and binding; omitted fields get their defaults
   * @param client IP address and user agent of the request
   * @param evidence the proof that binds the session, from `PresentedBinding.of`
   * @param use the key of this sign-in, from `tokenUseOf`
   * @throws AuthError `invalid_scope` if `refreshToken.scopes` lists other scopes only
   * @throws AuthError `invalid_request` if the requested binding has no proof
   * @throws AuthError `invalid_dpop_proof` if the DPoP proof has been used before
   * @throws AuthError `region_not_allowed` or `forbidden` if a risk rule denies the sign-in
   * @throws AuthError `invalid_credentials` if the user is unknown or disabled, or if their credentials have changed
   *   since
   * @throws AuthError `session_limit` if the user has too many sessions
   * @throws AuthError `server_error` if a field of the user has a wrong type; the log names it
   * @throws AuthError `temporarily_unavailable` if the database or the user provider fails
   * @example
   * const tokens = await refreshTokens.issue(user, { clientId: 'ios', transport: 'body' }, clientContextOf(request));
   */
  issue(
    user: AuthUser<object>,
    request: SignInRequest = {},
    client: ClientContext = {},
    evidence: BindingEvidence = {},
    use: TokenUse = {},
  ): Promise<IssuedTokens> {
    return traced('nrt.issue', () => this.sessionIssuer.issue(user as AuthUser, request, client, evidence, use));
  }

  /**
   * Answers a refresh token with a new access token and the token's one successor. A repeat within the grace window gets
   * the same successor again. So does a retry with the same key, after the window too.
   *
   * @param refreshToken the token as a string, or the object into which a guard has decoded it
   * @param client IP address and user agent of the request
   * @param evidence the proof of the session's binding, from `PresentedBinding.of`
   * @param use what the client says about this use of its token, from `tokenUseOf`
   * @throws AuthError `invalid_grant` if the token is not valid, or `use` names another client than that of the session
   * @throws AuthError `superseded` if the token has been replaced, and its request has been answered
   * @throws AuthError `invalid_dpop_proof` if the DPoP proof has been used before
   * @throws AuthError `step_up_required` if the user must authenticate again; the token stays valid
   * @throws AuthError `region_not_allowed` or `forbidden` if a risk rule denies the refresh; the token stays valid
   * @throws AuthError `temporarily_unavailable` if the database or the user provider fails; the token stays valid
   * @example
   * const next = await refreshTokens.refresh(refreshToken, clientContextOf(request));
   * @see RFC 6749 §6
   */
  refresh(
    refreshToken: string | IssuedRefreshToken,
    client: ClientContext = {},
    evidence: BindingEvidence = {},
    use: TokenUse = {},
  ): Promise<IssuedTokens> {
    return this.rotation.refresh(refreshToken, client, evidence, use);
  }

  /**
   * Returns the session id and generation of a refresh token that this server has issued. It makes no database query,
   * so the session may already be dead.
   *
   * @throws AuthError `invalid_grant` if this server did not issue the token
   * @example
   * const { sessionId } = refreshTokens.assertIssued(refreshToken);
   */
  assertIssued(refreshToken: string, client: ClientContext = {}): IssuedRefreshToken {
    return this.attempts.decode(refreshToken, client);
  }

  /**
   * Ends one session. Its refresh token is dead at once. Returns whether the session was alive.
   *
   * @param reason why the session ends; it appears in the event `revoked`
   * @param options `userId`: if given, the session must belong to this user. `manager`: your transaction.
   *   `actor`: who ends it, if not the user. And the client
   * @throws TypeError if `manager` cannot be used
   * @throws AuthError `temporarily_unavailable` if the database fails
   * @example
   * const wasAlive = await refreshTokens.revoke(sessionId, 'ended_by_user', { userId: user.id });
   */
  revoke(sessionId: string, reason: RevocationReason, options: OfSession = {}): Promise<boolean> {
    return this.sessions.end(sessionId, reason, options);
  }

  /**
   * Ends the session of a refresh token. An already succeeded token works, too. Returns whether the session was alive;
   * `false` for a token that this server did not issue.
   *
   * @param reason why the session ends; it appears in the event `revoked`
   * @param options `manager`: your transaction. `actor`: who ends it, if not the user. And the client
   * @throws TypeError if `manager` cannot be used
   * @throws AuthError `temporarily_unavailable` if the database fails
   * @example
   * await refreshTokens.revokeByToken(refreshToken, 'logout');
   */
  revokeByToken(
    refreshToken: string | IssuedRefreshToken,
    reason: RevocationReason,
    options: InTransaction & RevocationOrigin = {},
  ): Promise<boolean> {
    return this.sessions.endByToken(refreshToken, reason, options);
  }

  /**
   * Ends all sessions of a user, except the one with `exceptSessionId`. Returns the number of ended sessions.
   *
   * With `manager`, the sessions end if and when that transaction is committed. Change the credentials in it first.
   *
   * A session that is kept would end at its next refresh if the user's `credentialsVersion` has changed. With
   * `credentialsChanged` it takes over the new version instead.
   *
   * @param reason why the sessions end; it appears in the events
   * @param options `exceptSessionId`, `actor` and the client. `manager`: your transaction. `credentialsChanged`: by default `true`
   *   with the reason `password_changed`
   * @throws TypeError if `manager` cannot be used
   * @throws AuthError `temporarily_unavailable` if the database fails
   * @example
   * await dataSource.transaction(async (manager) => {
   *   await manager.update(User, user.id, { passwordHash });
   *   await refreshTokens.revokeAllOfUser(user.id, 'password_changed', { exceptSessionId: current.sessionId, manager });
   * });
   */
  async revokeAllOfUser(
    userId: string,
    reason: RevocationReason,
    {
      exceptSessionId,
      credentialsChanged = reason === 'password_changed',
      ...options
    }: { exceptSessionId?: string; credentialsChanged?: boolean } & InTransaction & RevocationOrigin = {},
  ): Promise<number> {
    return this.sessions.endAll(userId, reason, exceptSessionId, credentialsChanged, options);
  }

  /**
   * Ends the sessions of all users that were last used, or that began, before a time. Use it after you have restored a
   * backup of the database. Returns the number of ended sessions, and publishes one event `revoked` with it.
   *
   * It works in pages of `purge.batchSize` rows. If the database fails, the sessions of the pages until then have ended.
   * If it refuses to write single rows, all other sessions have ended. Call it again for the rest.
   *
   * @param options `usedBefore`, `createdBefore` or both, as a `Date` or milliseconds since the Unix epoch; `reason`, `actor`
   * @throws TypeError if both times are missing, a time is not valid, or an option is unknown; no session has ended
   * @throws AuthError `temporarily_unavailable` if the database fails
   * @example
   * const ended = await refreshTokens.revokeAll({ createdBefore: new Date() });
   */
  async revokeAll(options: RevokeAllOptions): Promise<number> {
    return this.revocation.endAll(options);
  }

  /**
   * Erases what the tables hold of a user: ends all sessions, soft-deleted ones too, and removes the stored events. Call it
   * after you have deleted or disabled the user. It erases twice, half a second and `audit.flushInterval` apart, so that
   * requests that end meanwhile leave nothing. Rows of ended sessions stay until the purge, without user and devices.
   *
   * @param options `username`: also erases failed logins for this account. `actor`: who did it
   * @throws TypeError if an argument is not valid; nothing has been erased
   * @throws AuthError `temporarily_unavailable` if the database fails; call it again
   * @example
   * const { sessions, events } = await refreshTokens.forgetUser(user.id, { username: 'alice', actor: admin.id });
   */
  async forgetUser(userId: string, options: ForgetUserOptions = {}): Promise<ForgottenUser> {
    return this.erasure.forget(userId, options);
  }

  /**
   * Call this after a user's roles or permissions have changed. Existing access tokens are then refused with
   * `token_stale`, on every instance within the documented delay. The client's next refresh brings the new permissions;
   * the user stays signed in. Returns the number of affected sessions.
   *
   * @param options `actor`: who changed them. `manager`: your transaction. The tokens are refused from its commit on
   * @throws TypeError if `manager` cannot be used
   * @throws AuthError `temporarily_unavailable` if the database fails
   * @example
   * await this.users.update(user.id, { roles });
   * await this.refreshTokens.permissionsChanged(user.id);
   */
  async permissionsChanged(
    userId: string,
    { manager, ...origin }: InTransaction & Pick<RevocationOrigin, 'actor'> = {},
  ): Promise<number> {
    const { actor } = withActor(origin);
    return this.revocation.permissionsChanged(userId, actor, await this.store.transactionOf({ manager }));
  }

  /**
   * Lists the live sessions of a user, the last used first. `lastUsedAt` is rounded down to five minutes, because a thief
   * could use the exact time.
   *
   * @throws AuthError `temporarily_unavailable` if the database fails
   * @example
   * const devices = (await refreshTokens.list(user.id)).map(({ deviceName }) => deviceName);
   */
  list(userId: string): Promise<SessionSummary[]> {
    return this.sessions.list(userId);
  }

  /**
   * Changes the device name, the tags or the metadata of a live session, as its user does by `PATCH /auth/sessions/:id`.
   * It disturbs no refresh. Returns whether there is such a session.
   *
   * @param details what to change; see {@link SessionDetails} for the bounds
   * @param options `userId`: if given, the session must belong to this user. `manager`: your transaction.
   *   `actor`: who changes it, if not the user. And the client
   * @throws AuthError `invalid_request` for a detail that is not valid; nothing has changed
   * @throws TypeError if a detail is unknown, or if `manager` cannot be used
   * @throws AuthError `temporarily_unavailable` if the database fails
   * @example
   * await refreshTokens.update(sessionId, { deviceName: 'Kitchen tablet', tags: ['home'] }, { userId: user.id });
   */
  update(sessionId: string, details: SessionDetails, options: OfSession = {}): Promise<boolean> {
    return this.sessions.update(sessionId, details, options);
  }

  /**
   * The number of live sessions of all users. It is exact if the table has fewer than 20,000 rows, dead ones included.
   * From then on it is an estimate from 20,000 rows, with a standard error below one percent of the rows. It takes up to
   * half a second, so call it rarely, for example for a gauge.
   *
   * @throws AuthError `temporarily_unavailable` if the database fails
   * @example
   * const live = await refreshTokens.countLive();
   */
  countLive(): Promise<number> {
    return this.sessions.countLive();
  }

  /**
   * Removes dead sessions in batches, and returns how many. Sessions that the database refuses to delete stay; the log has
   * their number. It also runs by itself: see the option `purge.interval`.
   *
   * @throws AuthError `temporarily_unavailable` if the database fails
   * @example
   * const removed = await refreshTokens.purge();
   */
  purge(): Promise<number> {
    return this.sessionPurge.run();
  }
}
