import { Injectable } from '@nestjs/common';
import { AccountNames } from '../audit/account-names.js';
import type { BindingEvidence } from '../binding/binding-evidence.js';
import { AuthError } from '../common/errors/auth-error.js';
import type { ClientContext } from '../common/request/client-context.js';
import { traced } from '../common/tracing/traced.js';
import { AuthEventBus } from '../events/auth-event-bus.js';
import { RefreshTokenService } from '../refresh-token/refresh-token.service.js';
import type { TokenUse } from '../refresh-token/token-use.js';
import { RiskStage } from '../risk/risk-stage.js';
import type { IssuedTokens } from '../session/issued-tokens.js';
import { BoundedUserProvider } from '../user/bounded-user-provider.js';
import { CurrentUsers } from '../user/current-users.js';
import type { SignedInUser } from '../user/user-provider.js';
import { MfaTickets } from './mfa-tickets.js';
import type { PendingSignIn } from './pending-sign-in.js';

/**
 * The second step of a sign-in, as `POST /auth/login/continue` does it.
 *
 * @example
 * const tokens = await secondFactor.continueSignIn(error.mfa.ticket, { otp }, clientContextOf(request));
 */
@Injectable()
export class SecondFactorService {
  constructor(
    private readonly tickets: MfaTickets,
    private readonly users: BoundedUserProvider,
    private readonly current: CurrentUsers,
    private readonly refreshTokens: RefreshTokenService,
    private readonly events: AuthEventBus,
    private readonly risk: RiskStage,
    private readonly accounts: AccountNames,
  ) {}

  /**
   * Checks the second factor with your `continueSignIn`, and begins the session that the first step asked for. The ticket is
   * used up by the session. A wrong second factor costs one of `mfa.attempts`.
   *
   * @param ticket `mfa.ticket` of the error `mfa_required`
   * @param secondFactor what your `continueSignIn` gets
   * @param from IP address and user agent of the request
   * @param evidence the proof that binds the session, from `PresentedBinding.of`
   * @param use the key of this sign-in, from `tokenUseOf`
   * @param deviceId the id of the browser, for `refreshToken.onNewDevice`
   * @throws AuthError `invalid_mfa_ticket` if the ticket is not valid, or not any more
   * @throws AuthError `invalid_credentials` if the second factor is wrong; the ticket stays good for the attempts that are left
   * @throws AuthError `invalid_dpop_proof` or `invalid_request` if another client continues than has begun
   * @throws AuthError `session_limit`, `region_not_allowed`, `forbidden` or `temporarily_unavailable` as at a sign-in
   * @example
   * const { accessToken, refreshToken } = await secondFactor.continueSignIn(ticket, { otp: '123456' });
   */
  continueSignIn(
    ticket: string,
    secondFactor: unknown,
    from: ClientContext = {},
    evidence: BindingEvidence = {},
    use: TokenUse = {},
    deviceId?: string,
  ): Promise<IssuedTokens> {
    return traced('nrt.sign_in', () => this.proceed(ticket, secondFactor, from, evidence, use, deviceId));
  }

  private async proceed(
    ticket: string,
    secondFactor: unknown,
    from: ClientContext,
    evidence: BindingEvidence,
    use: TokenUse,
    deviceId: string | undefined,
  ): Promise<IssuedTokens> {
    const signIn = this.tickets.read(ticket);
    // Anyone can make up a ticket, and that should not fill the table of events.
    if (!signIn || !this.users.canContinueSignIn) throw new AuthError('invalid_mfa_ticket');
    const { userId, accountName, request } = signIn;
    const located = await this.risk.locate(from);
    const { client } = located;
    if (this.tickets.isExpired(signIn)) throw this.refused(signIn, client);
    this.tickets.assertSameClient(signIn, evidence);
    await this.risk.passSignIn(located, undefined, request.clientId, this.accounts.tell(accountName));
    const known = await this.current.load(userId, (user) => this.tickets.isOfOtherCredentials(signIn, user));
    if (!known || known.changed) throw this.refused(signIn, client);
    // The attempt counts before the second factor is checked: guesses that come together must not pass.
    if (!(await this.tickets.takeAttempt(signIn))) throw this.refused(signIn, client);
    const user = await this.check(signIn, secondFactor, client, use);
    if (this.tickets.isOfOtherCredentials(signIn, user)) throw this.refused(signIn, client);
    if (!(await this.tickets.use(signIn))) throw this.refused(signIn, client);
    // The first step may have given the browser no cookie.
    return this.refreshTokens.issue(user, { ...termsOf(signIn, user), deviceId }, client, evidence, use);
  }

  private async check(
    signIn: PendingSignIn,
    secondFactor: unknown,
    client: ClientContext,
    { hasHungUp }: TokenUse,
  ): Promise<SignedInUser> {
    const { userId, methods, request } = signIn;
    const context = { methods, amr: request.amr ?? [], clientId: request.clientId };
    const check = { client, hasHungUp, knownAt: userId };
    const user = await this.users.continueSignIn(userId, secondFactor, context, check);
    if (user) return user;
    this.publishFailure(signIn, 'mfa_failed', client);
    throw new AuthError('invalid_credentials', 'The second factor is wrong.');
  }

  private refused(signIn: PendingSignIn, client: ClientContext): AuthError {
    this.publishFailure(signIn, 'mfa_ticket_refused', client);
    return new AuthError('invalid_mfa_ticket');
  }

  private publishFailure(signIn: PendingSignIn, reason: string, client: ClientContext): void {
    const { userId, accountName, request } = signIn;
    const account = this.accounts.tell(accountName);
    this.events.publish({ type: 'sign_in_failed', reason, userId, clientId: request.clientId, ...account, ...client });
  }
}

/** What the first request asked for holds. What the user provider says at the second step replaces what it said before. */
function termsOf({ request }: PendingSignIn, { sessionTerms = {} }: SignedInUser) {
  const amr = [...new Set([...(request.amr ?? []), ...(sessionTerms.amr ?? [])])];
  // A client may have asked for less.
  const persistent = request.persistent === false ? false : (sessionTerms.persistent ?? request.persistent);
  return { ...request, ...sessionTerms, persistent, ...(amr.length > 0 && { amr }) };
}
