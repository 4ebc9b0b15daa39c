import { Injectable } from '@nestjs/common';
import type { BindingEvidence } from '../binding/binding-evidence.js';
import { SessionBindings } from '../binding/session-bindings.js';
import type { ClientContext } from '../common/request/client-context.js';
import { NewDevices } from '../device/new-devices.js';
import { AuthEventBus } from '../events/auth-event-bus.js';
import { RiskStage } from '../risk/risk-stage.js';
import type { IssuedTokens } from '../session/issued-tokens.js';
import { eventIdsOf } from '../session/event-ids.js';
import { grantedScope } from '../session/granted-scope.js';
import { RefreshTokenConfig } from '../session/session-options.js';
import { checkedUser } from '../user/checked-user.js';
import type { AuthUser } from '../user/user-provider.js';
import { type Impersonator, NO_IMPERSONATOR } from './impersonators.js';
import { SessionPlaces } from './session-places.js';
import { SessionRows } from './session-rows.js';
import type { SignInRequest } from './sign-in-request.js';
import { SignedInUsers } from './signed-in-users.js';
import { TokenIssuer } from './token-issuer.js';
import type { TokenUse } from './token-use.js';

/** Begins sessions. */
@Injectable()
export class SessionIssuer {
  constructor(
    private readonly places: SessionPlaces,
    private readonly rows: SessionRows,
    private readonly issuer: TokenIssuer,
    private readonly users: SignedInUsers,
    private readonly bindings: SessionBindings,
    private readonly risk: RiskStage,
    private readonly events: AuthEventBus,
    private readonly devices: NewDevices,
    private readonly config: RefreshTokenConfig,
  ) {}

  /**
   * Begins a session. The user is loaded again after the session has been inserted. A parallel change then either sees
   * this session in the table, or is seen by this load. This holds for sign-outs, disabled users, and changed roles or
   * credentials.
   *
   * @param by who acts as the user, if it is not the user
   */
  async issue(
    user: AuthUser,
    request: SignInRequest,
    from: ClientContext,
    evidence: BindingEvidence,
    { idempotencyKey }: TokenUse,
    by: Impersonator = NO_IMPERSONATOR,
  ): Promise<IssuedTokens> {
    checkedUser('RefreshTokenService.issue', user);
    this.devices.assertId(request.deviceId);
    const { defaultClientId, defaultTransport } = this.config;
    const scope = grantedScope(request.scope, this.config.scopes);
    const clientId = request.clientId ?? defaultClientId;
    const located = await this.risk.locate(from);
    const { client } = located;
    const remark = await this.risk.passSignIn(located, user.id, clientId);
    const first = this.rows.firstToken();
    const { columns: boundTo, clientNonce } = await this.bindings.bind(first.token.sessionId, first.token.keys, {
      user,
      asked: request.bind,
      evidence,
      client,
    });
    const session = await this.rows.first(first, {
      user,
      by,
      userId: user.id,
      clientId,
      deviceName: request.deviceName ?? null,
      scope,
      transport: request.transport ?? defaultTransport,
      boundTo,
      located,
      evidence,
      idempotencyKey,
      terms: request,
    });
    await this.places.take(session, client);
    const fresh = await this.users.reload(user, session, client);
    const issued = this.issuer.tokensOf(session, first.token, fresh, clientNonce);
    this.events.publish({ type: 'signed_in', ...eventIdsOf(session), ...remark, ...client });
    if (session.actor === null) this.devices.signedIn(session, request.deviceId);
    return issued;
  }
}
