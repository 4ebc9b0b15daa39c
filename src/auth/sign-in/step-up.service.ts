import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { AuthenticatedUser } from '../access-token/authenticated-user.js';
import type { BindingEvidence } from '../binding/binding-evidence.js';
import { BindingConfig } from '../binding/binding-options.js';
import { impersonatedRefusal } from '../access-token/impersonated-refusal.js';
import { AuthConfigurationError, AuthError } from '../common/errors/auth-error.js';
import type { ClientContext } from '../common/request/client-context.js';
import { AuthEventBus } from '../events/auth-event-bus.js';
import type { Reauthenticate } from '../refresh-token/refresh-attempt.js';
import type { IssuedRefreshToken } from '../refresh-token/refresh-token.codec.js';
import { authenticationColumns } from '../refresh-token/terms-of-sign-in.js';
import { TokenRotation } from '../refresh-token/token-rotation.js';
import type { TokenUse } from '../refresh-token/token-use.js';
import { RiskAssessor } from '../risk/risk-assessor.js';
import { RiskConfig } from '../risk/risk-options.js';
import { SimpleRule } from '../risk/risk-rule.js';
import type { IssuedTokens } from '../session/issued-tokens.js';
import { RefreshTokenConfig } from '../session/session-options.js';
import { BoundedUserProvider } from '../user/bounded-user-provider.js';
import type { CheckRequest } from '../user/password-checks.js';
import type { SignedInUser } from '../user/user-provider.js';
import { BY_PASSWORD } from './by-password.js';

/** A session that steps up, from its row or from an access token. */
interface KnownSession {
  readonly id: string;
  readonly userId: string;
  readonly clientId: string;
  readonly generation: number;
  readonly amr?: readonly string[];
  readonly acr?: string;
  /** Who acts as the user, if somebody does. */
  readonly actor?: unknown;
}

/**
 * Authenticates the user again within a session. The session gets new tokens and a new `auth_time`. What the risk rules
 * found suspicious is accepted.
 *
 * @example
 * const tokens = await stepUp.stepUp(refreshToken, password, clientContextOf(request), await binding.of(request, response));
 */
@Injectable()
export class StepUpService implements OnModuleInit {
  constructor(
    private readonly rotation: TokenRotation,
    private readonly users: BoundedUserProvider,
    private readonly events: AuthEventBus,
    private readonly risk: RiskAssessor,
    private readonly riskConfig: RiskConfig,
    private readonly bindingConfig: BindingConfig,
    private readonly refreshTokenConfig: RefreshTokenConfig,
  ) {}

  /**
   * Checks at boot that a step-up is possible if an option asks for one.
   *
   * @throws AuthConfigurationError if `userProvider` has no `reauthenticate`
   */
  onModuleInit(): void {
    const asking = this.asking();
    if (asking === undefined || this.users.canReauthenticate) return;
    throw new AuthConfigurationError(
      `${asking} asks for a step-up, but userProvider has no reauthenticate(id, password). Add it, or ask for no step-up there.`,
    );
  }

  /** The rule or option that asks for step-ups. The host's own rules cannot be checked. */
  private asking(): string | undefined {
    const rule = this.risk.rules.find((rule) => rule instanceof SimpleRule && rule.verdict === 'step_up');
    if (rule) return `risk.rules: ${rule.reason}`;
    if (this.riskConfig.onGeoIpFailure === 'step_up') return 'risk.onGeoIpFailure';
    if (this.riskConfig.onRuleFailure === 'step_up') return 'risk.onRuleFailure';
    if (this.bindingConfig.fingerprint?.onMismatch === 'step_up') return 'binding.fingerprint.onMismatch';
    return this.refreshTokenConfig.stepUpToEndSessions === undefined ? undefined : 'refreshToken.stepUpToEndSessions';
  }

  /**
   * Checks the proof and rotates the refresh token, as a refresh does. A retry within the grace window gets the same
   * successor again, with a new `auth_time`. What your `reauthenticate` says of the authentication replaces the `amr` and
   * `acr` of the session.
   *
   * @param proof a password, or whatever else your `reauthenticate` takes
   * @param client IP address and user agent of the request
   * @param evidence the proof of the session's binding, from `PresentedBinding.of`
   * @param use what the client says about this use of its token, from `tokenUseOf`
   * @throws AuthError `invalid_credentials` if the proof is wrong; the token stays valid
   * @throws AuthError `invalid_grant` if the token is not valid, or `use` names another client than that of the session
   * @throws AuthError `superseded` if the token has been replaced, and its request has been answered
   * @throws AuthError `invalid_dpop_proof` if the DPoP proof has been used before
   * @throws AuthError `region_not_allowed` if a Geofence denies the place; the token stays valid
   * @throws AuthError `forbidden` if a risk rule denies the request, if `userProvider` has no `reauthenticate`, or if somebody
   *   acts as the user
   * @throws AuthError `temporarily_unavailable` if the database or the user provider fails, or too many sign in at once
   * @example
   * const tokens = await stepUp.stepUp(refreshToken, password, clientContextOf(request));
   */
  stepUp(
    refreshToken: string | IssuedRefreshToken,
    proof: unknown,
    client: ClientContext = {},
    evidence: BindingEvidence = {},
    use: TokenUse = {},
  ): Promise<IssuedTokens> {
    const reauthenticate: Reauthenticate = async (session, client) => {
      const { amr, acr } = session;
      const known = { ...session, amr: amr?.split(' ') ?? [], acr: acr ?? undefined };
      const user = await this.authenticate(known, proof, { client, hasHungUp: use.hasHungUp });
      const byPassword = typeof proof === 'string' ? BY_PASSWORD : undefined;
      return { user, authentication: authenticationColumns({ amr: byPassword, ...user.sessionTerms }) };
    };
    return this.rotation.refresh(refreshToken, client, evidence, use, reauthenticate);
  }

  /**
   * Checks a proof of a signed-in user, on a route of your own that takes an access token, for example to change the
   * password. The session keeps its tokens and its `auth_time`. The limit `concurrentPasswordChecks` applies. Mark the
   * route with `@AuthRoute('step-up')`, so that `AuthThrottlingModule` limits wrong guesses.
   *
   * @param user of the guard
   * @param proof a password, or whatever else your `reauthenticate` takes
   * @param client IP address and user agent of the request
   * @returns the user as your `reauthenticate` returns it; compare its `credentialsVersion` before you write a new password
   * @throws AuthError `invalid_credentials` if the proof is wrong
   * @throws AuthError `forbidden` if `userProvider` has no `reauthenticate`, or if somebody acts as the user
   * @throws AuthError `temporarily_unavailable` if the user provider fails, or too many sign in at once
   * @example
   * const { credentialsVersion } = await stepUp.reauthenticate(user, password, clientContextOf(request));
   */
  reauthenticate(user: AuthenticatedUser<object>, proof: unknown, client: ClientContext = {}): Promise<SignedInUser> {
    return this.authenticate({ ...user, id: user.sessionId, userId: user.id }, proof, { client });
  }

  private async authenticate(
    { id: sessionId, userId, clientId, generation, amr, acr, actor }: KnownSession,
    proof: unknown,
    request: CheckRequest,
  ): Promise<SignedInUser> {
    if (actor) throw impersonatedRefusal();
    const session = { sessionId, clientId, amr: amr ?? [], acr };
    const user = await this.users.reauthenticate(userId, proof, session, { ...request, knownAt: userId });
    if (user?.id === userId) return user;
    this.events.publish({ type: 'step_up_failed', sessionId, userId, clientId, generation, ...request.client });
    throw new AuthError('invalid_credentials');
  }
}
