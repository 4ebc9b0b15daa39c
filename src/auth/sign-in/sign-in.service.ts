import { Injectable } from '@nestjs/common';
import { AccountNames, type NamedAccount } from '../audit/account-names.js';
import type { BindingEvidence } from '../binding/binding-evidence.js';
import { AuthError } from '../common/errors/auth-error.js';
import type { ClientContext } from '../common/request/client-context.js';
import { traced } from '../common/tracing/traced.js';
import { AuthEventBus } from '../events/auth-event-bus.js';
import { RefreshTokenService } from '../refresh-token/refresh-token.service.js';
import type { SignInRequest } from '../refresh-token/sign-in-request.js';
import type { TokenUse } from '../refresh-token/token-use.js';
import { RiskStage } from '../risk/risk-stage.js';
import { grantedScope } from '../session/granted-scope.js';
import type { IssuedTokens } from '../session/issued-tokens.js';
import { BoundedUserProvider } from '../user/bounded-user-provider.js';
import { CurrentUsers } from '../user/current-users.js';
import type { AuthUser } from '../user/user-provider.js';
import { RefreshTokenConfig } from '../session/session-options.js';
import { BY_PASSWORD } from './by-password.js';
import { MfaTickets } from './mfa-tickets.js';

/**
 * The options of one sign-in with credentials of your own.
 *
 * @example
 * const request: NamedSignInRequest = { accountName: email, transport: 'body' };
 */
export interface NamedSignInRequest extends SignInRequest {
  /** What the user has typed to name the account. Events tell accounts apart by it. */
  accountName?: string;
}

interface Attempt {
  readonly credentials: readonly unknown[];
  readonly accountName: string | undefined;
  /** A username and a password. Others may be good once. */
  readonly byPassword: boolean;
  readonly request: SignInRequest;
}

/**
 * Checks credentials and begins a session, as `POST /auth/login` does.
 *
 * @example
 * const tokens = await signIn.signIn(username, password, { transport: 'body' }, clientContextOf(request));
 */
@Injectable()
export class SignInService {
  constructor(
    private readonly users: BoundedUserProvider,
    private readonly current: CurrentUsers,
    private readonly refreshTokens: RefreshTokenService,
    private readonly events: AuthEventBus,
    private readonly risk: RiskStage,
    private readonly accounts: AccountNames,
    private readonly tickets: MfaTickets,
    private readonly config: RefreshTokenConfig,
  ) {}

  /**
   * Checks the credentials with the `UserProvider`, and begins a session.
   *
   * @param request client id, device name, scope, transport and binding; omitted fields get their defaults
   * @param from IP address and user agent of the request
   * @param evidence the proof that binds the session, from `PresentedBinding.of`
   * @param use the key of this sign-in, from `tokenUseOf`
   * @throws AuthError `invalid_credentials` if the username or password is wrong
   * @throws AuthError `mfa_required` if a second factor is needed; its `mfa` has the ticket for `SecondFactorService`
   * @throws AuthError `invalid_scope`, `invalid_request` or `invalid_dpop_proof` for a request that is not valid
   * @throws AuthError `session_limit` if the user has too many sessions
   * @throws AuthError `region_not_allowed` or `forbidden` if a risk rule denies the sign-in
   * @throws AuthError `temporarily_unavailable` if the database or the user provider fails, or too many sign in at once
   * @example
   * const { accessToken, refreshToken } = await signIn.signIn('ada', password, { transport: 'body' });
   */
  signIn(
    username: string,
    password: string,
    request: SignInRequest = {},
    from: ClientContext = {},
    evidence: BindingEvidence = {},
    use: TokenUse = {},
  ): Promise<IssuedTokens> {
    const attempt = { credentials: [username, password], accountName: username, byPassword: true, request };
    return traced('nrt.sign_in', () => this.begin(attempt, from, evidence, use));
  }

  /**
   * The same with whatever your `validateCredentials` takes as its only argument, for example the instance of a `loginDto`.
   * `validateCredentials` is called once, because a one-time password is good once.
   *
   * @param credentials what `validateCredentials` gets
   * @param request as for `signIn`, and the name of the account for events
   * @throws AuthError as `signIn` does
   * @example
   * const tokens = await signIn.signInWith({ email, otp }, { accountName: email, transport: 'body' });
   */
  signInWith(
    credentials: object,
    { accountName, ...request }: NamedSignInRequest = {},
    from: ClientContext = {},
    evidence: BindingEvidence = {},
    use: TokenUse = {},
  ): Promise<IssuedTokens> {
    const attempt = { credentials: [credentials], accountName, byPassword: false, request };
    return traced('nrt.sign_in', () => this.begin(attempt, from, evidence, use));
  }

  private async begin(
    { credentials, accountName, byPassword, request }: Attempt,
    from: ClientContext,
    evidence: BindingEvidence,
    use: TokenUse,
  ): Promise<IssuedTokens> {
    // This comes before the credentials are checked: a client outside the fence must not learn whether they are right.
    const located = await this.risk.locate(from);
    const { client } = located;
    const account = this.accounts.tell(accountName);
    await this.risk.passSignIn(located, undefined, request.clientId, account);
    const knownAt = request.isKnownDevice ? accountName : undefined;
    const check = { client, hasHungUp: use.hasHungUp, knownAt };
    const validate = () => this.users.validateCredentials(credentials, check);
    const user = await validate();
    if (!user) throw this.failed(account, request, client);
    const ofPassword = byPassword ? { amr: BY_PASSWORD } : {};
    if ('mfaRequired' in user) {
      const { user: proven, methods } = user.mfaRequired;
      grantedScope(request.scope, this.config.scopes);
      const { clientId } = request;
      this.events.publish({ type: 'mfa_required', userId: proven.id, clientId, ...account, ...client });
      const first = { ...ofPassword, ...proven.sessionTerms, ...request };
      throw this.tickets.required(proven, { accountName, request: first, methods }, evidence);
    }
    const terms = { ...ofPassword, ...user.sessionTerms, ...request };
    const issued = await this.refreshTokens.issue(user, terms, client, evidence, use);
    if (!byPassword) return issued;
    if (!(await this.isStillValid(user, validate, issued, client))) throw this.failed(account, request, client);
    return issued;
  }

  /**
   * Checks the credentials again after the session exists. The password may have been changed, and all sessions ended,
   * between the first check and the insert. With `credentialsVersion` from all methods this check is not needed.
   */
  private async isStillValid(
    { credentialsVersion }: AuthUser,
    validate: () => Promise<unknown>,
    { sessionId }: IssuedTokens,
    client: ClientContext,
  ): Promise<boolean> {
    if (credentialsVersion !== undefined && !this.current.areVersionsMissing) return true;
    let valid: unknown;
    try {
      valid = await validate();
    } catch (error) {
      // No client has this session's token. If the session cannot be ended now, it expires when idle.
      await this.refreshTokens.revoke(sessionId, 'sign_in_failed', client).catch(() => undefined);
      throw error;
    }
    if (!valid) await this.refreshTokens.revoke(sessionId, 'credentials_changed', client);
    return Boolean(valid);
  }

  private failed(account: NamedAccount, { clientId }: SignInRequest, client: ClientContext): AuthError {
    this.events.publish({ type: 'sign_in_failed', clientId, ...account, ...client });
    return new AuthError('invalid_credentials');
  }
}
