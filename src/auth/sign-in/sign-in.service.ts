import { Injectable } from '@nestjs/common';
import type { BindingEvidence } from '../binding/binding-evidence.js';
import { AuthError } from '../common/errors/auth-error.js';
import type { ClientContext } from '../common/request/client-context.js';
import { AuthEventBus } from '../events/auth-event-bus.js';
import { RefreshTokenService } from '../refresh-token/refresh-token.service.js';
import type { SignInRequest } from '../refresh-token/sign-in-request.js';
import { RiskStage } from '../risk/risk-stage.js';
import type { IssuedTokens } from '../session/issued-tokens.js';
import { BoundedUserProvider } from '../user/bounded-user-provider.js';
import type { AuthUser } from '../user/user-provider.js';

/** Credentials in, a session out. */
@Injectable()
export class SignInService {
  constructor(
    private readonly users: BoundedUserProvider,
    private readonly refreshTokens: RefreshTokenService,
    private readonly events: AuthEventBus,
    private readonly risk: RiskStage,
  ) {}

  /**
   * @throws AuthError `invalid_credentials`, `invalid_scope`, `invalid_request`, `invalid_dpop_proof`, `session_limit`,
   * `region_not_allowed`, `forbidden`, `temporarily_unavailable`
   */
  async signIn(
    username: string,
    password: string,
    request: SignInRequest = {},
    from: ClientContext = {},
    evidence: BindingEvidence = {},
  ): Promise<IssuedTokens> {
    // Before the credentials are looked at: from outside the fence nobody learns whether they are right.
    const located = await this.risk.locate(from);
    const { client } = located;
    await this.risk.passSignIn(located, undefined, request.clientId);
    const user = await this.users.validateCredentials(username, password);
    if (!user) throw this.failed(request, client);
    const issued = await this.refreshTokens.issue(user, request, client, evidence);
    await this.validateAgain(user, username, password, issued, request, client);
    return issued;
  }

  /**
   * The password may have been changed, and all sessions ended, between the first validation and the beginning of this
   * session. Where the host gives versions of credentials, that has been noticed by them.
   */
  private async validateAgain(
    { credentialsVersion }: AuthUser,
    username: string,
    password: string,
    { sessionId }: IssuedTokens,
    request: SignInRequest,
    client: ClientContext,
  ): Promise<void> {
    if (credentialsVersion !== undefined) return;
    let valid: AuthUser | null;
    try {
      valid = await this.users.validateCredentials(username, password);
    } catch (error) {
      // Nobody has its token. If it cannot be ended now, it dies of idleness.
      await this.refreshTokens.revoke(sessionId, 'sign_in_failed', client).catch(() => undefined);
      throw error;
    }
    if (valid) return;
    await this.refreshTokens.revoke(sessionId, 'credentials_changed', client);
    throw this.failed(request, client);
  }

  private failed({ clientId }: SignInRequest, client: ClientContext): AuthError {
    this.events.publish({ type: 'sign_in_failed', clientId, ...client });
    return new AuthError('invalid_credentials');
  }
}
