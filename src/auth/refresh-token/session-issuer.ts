import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { BindingEvidence } from '../binding/binding-evidence.js';
import { SessionBindings } from '../binding/session-bindings.js';
import { AuthError } from '../common/errors/auth-error.js';
import type { ClientContext } from '../common/request/client-context.js';
import { NewDevices } from '../device/new-devices.js';
import { AuthEventBus } from '../events/auth-event-bus.js';
import { SessionRevocation } from '../revocation/session-revocation.js';
import { RiskStage } from '../risk/risk-stage.js';
import type { IssuedTokens } from '../session/issued-tokens.js';
import { eventIdsOf } from '../session/event-ids.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import { grantedScope } from '../session/granted-scope.js';
import { RefreshTokenStore } from '../session/refresh-token.store.js';
import { makeRoom } from '../session/session-limit.js';
import { RefreshTokenConfig } from '../session/session-options.js';
import { checkedUser } from '../user/checked-user.js';
import { credentialsVersionOf } from '../user/credentials-version.js';
import { CurrentUsers } from '../user/current-users.js';
import type { AuthUser } from '../user/user-provider.js';
import { type Impersonator, NO_IMPERSONATOR } from './impersonators.js';
import { sessionEndReason } from './refresh-rule.js';
import { SessionRows } from './session-rows.js';
import type { SignInRequest } from './sign-in-request.js';
import { TokenIssuer } from './token-issuer.js';
import type { TokenUse } from './token-use.js';

/** Begins sessions. */
@Injectable()
export class SessionIssuer implements OnModuleInit {
  constructor(
    private readonly store: RefreshTokenStore,
    private readonly rows: SessionRows,
    private readonly issuer: TokenIssuer,
    private readonly users: CurrentUsers,
    private readonly bindings: SessionBindings,
    private readonly revocation: SessionRevocation,
    private readonly risk: RiskStage,
    private readonly events: AuthEventBus,
    private readonly devices: NewDevices,
    private readonly config: RefreshTokenConfig,
  ) {}

  async onModuleInit(): Promise<void> {
    const locksUsers = this.limits.some((limit) => limit !== undefined) || this.config.onNewDevice !== false;
    if (locksUsers) await this.store.tryTransaction();
  }

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
    await this.begin(session, client);
    const fresh = await this.reload(user, session, client);
    const issued = this.issuer.tokensOf(session, first.token, fresh, clientNonce);
    this.events.publish({ type: 'signed_in', ...eventIdsOf(session), ...remark, ...client });
    if (session.actor === null) this.devices.signedIn(session, request.deviceId);
    return issued;
  }

  /** All limits of sessions, of users and of their clients. */
  private get limits(): (number | undefined)[] {
    const ofClients = [...this.config.clients.values()].map((client) => client.maxSessionsPerUser);
    return [this.config.maxSessionsPerUser, ...ofClients];
  }

  private async begin(session: RefreshToken, client: ClientContext): Promise<void> {
    const { maxSessionsPerUser: ofUser, clients, onTooManySessions } = this.config;
    const ofClient = clients.get(session.clientId)?.maxSessionsPerUser;
    // An administrator who acts as the user ends none of the user's sessions, and takes none of their places.
    if (session.actor !== null || (ofUser ?? ofClient) === undefined) return this.store.insert(session);
    const displaced = await this.store.insertInPlaceOf(session, 'session_limit', (others) => {
      const live = others.filter(
        (other) => other.actor === null && !sessionEndReason(other, session.createdAt, this.config),
      );
      const leaving = makeRoom(live, session.clientId, { ofUser, ofClient }, onTooManySessions);
      if (!leaving) throw new AuthError('session_limit');
      return leaving;
    });
    for (const other of displaced) this.revocation.ended(other, 'session_limit', client);
  }

  /** Loads the user again. Ends the session if the user may not have it. */
  private async reload(user: AuthUser, session: RefreshToken, client: ClientContext): Promise<AuthUser> {
    const version = credentialsVersionOf(user);
    const isKnown = (of: AuthUser) => version !== undefined && credentialsVersionOf(of) !== undefined;
    let loaded: Awaited<ReturnType<CurrentUsers['load']>>;
    try {
      loaded = await this.users.load(user.id, (fresh) => isKnown(fresh) && credentialsVersionOf(fresh) !== version);
    } catch (error) {
      // No client has this session's token. If the session cannot be ended now, it expires when idle.
      await this.revocation.end(session, 'sign_in_failed', client).catch(() => undefined);
      throw error;
    }
    if (!loaded || loaded.changed) {
      await this.revocation.end(session, loaded ? 'credentials_changed' : 'user_unavailable', client);
      throw new AuthError('invalid_credentials');
    }
    const fresh = loaded.user;
    if (credentialsVersionOf(fresh) !== version && !isKnown(fresh)) this.users.missVersion();
    return fresh;
  }
}
