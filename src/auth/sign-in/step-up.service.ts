import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { BindingEvidence } from '../binding/binding-evidence.js';
import { BindingConfig } from '../binding/binding-options.js';
import { AuthConfigurationError, AuthError } from '../common/errors/auth-error.js';
import type { ClientContext } from '../common/request/client-context.js';
import { AuthEventBus } from '../events/auth-event-bus.js';
import type { Reauthenticate } from '../refresh-token/refresh-attempt.js';
import type { IssuedRefreshToken } from '../refresh-token/refresh-token.codec.js';
import { TokenRotation } from '../refresh-token/token-rotation.js';
import { RiskAssessor } from '../risk/risk-assessor.js';
import { RiskConfig } from '../risk/risk-options.js';
import { SimpleRule } from '../risk/risk-rule.js';
import type { IssuedTokens } from '../session/issued-tokens.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import { BoundedUserProvider } from '../user/bounded-user-provider.js';
import type { AuthUser } from '../user/user-provider.js';

/**
 * Authenticating again within a session: a new token, a new `auth_time`, and whatever was suspicious is accepted.
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
  ) {}

  /** Else a session could be asked for what it has no way to do. */
  onModuleInit(): void {
    const asking = this.asking();
    if (asking === undefined || this.users.canReauthenticate) return;
    throw new AuthConfigurationError(
      `${asking} asks users to step up, for which userProvider lacks reauthenticate(id, password). Add it, or choose another verdict.`,
    );
  }

  /** What can ask for it; of the host's own rules nobody knows. */
  private asking(): string | undefined {
    const rule = this.risk.rules.find((rule) => rule instanceof SimpleRule && rule.verdict === 'step_up');
    if (rule) return `risk.rules: ${rule.reason}`;
    if (this.riskConfig.onGeoIpFailure === 'step_up') return 'risk.onGeoIpFailure';
    if (this.riskConfig.onRuleFailure === 'step_up') return 'risk.onRuleFailure';
    return this.bindingConfig.fingerprint?.onMismatch === 'step_up' ? 'binding.fingerprint.onMismatch' : undefined;
  }

  /**
   * The token is succeeded as by a refresh; a predecessor within its window yields the same successor again, now fresh. Presented again within the window, it yields that successor again.
   *
   * @throws AuthError `invalid_credentials`, the token being as good as before; `invalid_grant`; `region_not_allowed`;
   * `forbidden` where the host's `UserProvider` has no `reauthenticate`; `temporarily_unavailable`
   */
  stepUp(
    refreshToken: string | IssuedRefreshToken,
    password: string,
    client: ClientContext = {},
    evidence: BindingEvidence = {},
  ): Promise<IssuedTokens> {
    const reauthenticate: Reauthenticate = (session, from) => this.authenticate(session, password, from);
    return this.rotation.refresh(refreshToken, client, evidence, reauthenticate);
  }

  private async authenticate(
    { id: sessionId, userId, clientId, generation }: RefreshToken,
    password: string,
    client: ClientContext,
  ): Promise<AuthUser> {
    const user = await this.users.reauthenticate(userId, password);
    if (user?.id === userId) return user;
    this.events.publish({ type: 'step_up_failed', sessionId, userId, clientId, generation, ...client });
    throw new AuthError('invalid_credentials');
  }
}
