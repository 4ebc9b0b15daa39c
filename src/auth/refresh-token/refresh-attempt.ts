import { Injectable } from '@nestjs/common';
import type { BindingEvidence } from '../binding/binding-evidence.js';
import type { BindingKind } from '../binding/binding-kind.js';
import { SessionBindings } from '../binding/session-bindings.js';
import type { Keys } from '../common/crypto/key-ring.js';
import type { HostTransaction } from '../common/database/host-transaction.js';
import type { ClientContext } from '../common/request/client-context.js';
import { crossSiteRefusal } from '../cookie/cross-site.js';
import type { DeviceComparison } from '../device/device-fingerprint.js';
import { DeviceRecognition } from '../device/device-recognition.js';
import type { LocatedClient } from '../risk/risk-assessor.js';
import { RiskStage } from '../risk/risk-stage.js';
import { isSameKind } from '../risk/user-agent.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import { RefreshTokenStore } from '../session/refresh-token.store.js';
import type { AuthUser } from '../user/user-provider.js';
import { GenuineTokens } from './genuine-tokens.js';
import type { Use } from './given-uses.js';
import { RefreshRefusal } from './refresh-refusal.js';
import { decideRefresh, type RefreshDecision, type RefreshLimits } from './refresh-rule.js';
import { RefreshTimes } from './refresh-times.js';
import type { DecodedRefreshToken, IssuedRefreshToken } from './refresh-token.codec.js';
import { type JudgedUse, judgedUse, useOf } from './session-chain.js';
import type { AuthenticationColumns } from './terms-of-sign-in.js';
import type { TokenUse } from './token-use.js';
import { tokenAt } from './voucher.js';

/** Authenticates the user again. Throws if authentication fails. */
export type Reauthenticate = (session: RefreshToken, client: ClientContext) => Promise<Reauthenticated>;

/** The user with the present credentials, which the session takes over, and how they were proven. */
export interface Reauthenticated {
  readonly user: AuthUser;
  readonly authentication: AuthenticationColumns;
}

/** A refresh token and the context of its request. */
export interface RefreshRequest {
  /** When the request arrived, in milliseconds since the Unix epoch. */
  readonly arrivedAt: number;
  readonly presented: DecodedRefreshToken;
  readonly located: LocatedClient;
  readonly evidence: BindingEvidence;
  /** What the client says about this use of its token. */
  readonly says: TokenUse;
  /** Called instead of loading the user when the request is a step-up. */
  readonly reauthenticate: Reauthenticate | undefined;
}

/** A request together with its session, as just read from the table. */
export interface RefreshAttempt extends RefreshRequest {
  readonly session: RefreshToken;
  /** The keys that the row names. */
  readonly keys: Keys;
  readonly keyBound: boolean;
  readonly brokenBinding: BindingKind | undefined;
  /** Whether the request names another client than that of the session. */
  readonly otherClient: boolean;
  readonly device: DeviceComparison;
  /** Whether the browser family and the system are those of the latest refresh. */
  readonly sameDevice: boolean;
  /** This use of the presented token. */
  readonly use: Use;
  /** What the lists say of the use. A key alone says nothing of who sends it: a thief can make one. */
  readonly judged: JudgedUse;
  readonly limits: RefreshLimits;
}

/** Collects what the refresh rule needs, and applies the rule. */
@Injectable()
export class RefreshAttempts {
  constructor(
    private readonly tokens: GenuineTokens,
    private readonly risk: RiskStage,
    private readonly store: RefreshTokenStore,
    private readonly bindings: SessionBindings,
    private readonly devices: DeviceRecognition,
    private readonly refusal: RefreshRefusal,
    private readonly times: RefreshTimes,
  ) {}

  /**
   * @param refreshToken the token as a string, or the object into which a guard has already decoded it
   * @throws AuthError `invalid_grant` if this server did not issue the token
   */
  decode(refreshToken: string | IssuedRefreshToken, client: ClientContext): DecodedRefreshToken {
    const decoded = this.tokens.decode(refreshToken);
    if (!decoded) throw this.refusal.notIssuedHere(client);
    return decoded;
  }

  /** @throws AuthError for the same reasons as {@link decode} */
  async begin(
    refreshToken: string | IssuedRefreshToken,
    from: ClientContext,
    evidence: BindingEvidence,
    says: TokenUse,
    reauthenticate: Reauthenticate | undefined,
  ): Promise<RefreshRequest> {
    const arrivedAt = this.times.arrival();
    const presented = this.decode(refreshToken, from);
    return { arrivedAt, presented, located: await this.risk.locate(from), evidence, says, reauthenticate };
  }

  /**
   * @param caughtUp whether a server that lags must catch up first
   * @throws AuthError `invalid_grant` if the session does not exist; `forbidden` if a request from a different site
   *   targets a cookie session
   */
  async read(request: RefreshRequest, caughtUp: boolean): Promise<RefreshAttempt> {
    const { presented, located, evidence, says } = request;
    const { sessionId } = presented;
    const session = await (caughtUp ? this.store.findCaughtUp(sessionId) : this.store.findTogether(sessionId));
    if (!session) throw this.refusal.denied(undefined, 'unknown_session', located.client, presented.generation);
    // A different site can make the browser send a request with the attacker's own token in the body. The browser would
    // store the cookies of the response.
    if (evidence.crossSite && session.transport === 'cookie') throw crossSiteRefusal();
    const keys = this.tokens.keysOf(session);
    if (!keys) throw this.refusal.denied(session, 'secret_removed', located.client, presented.generation);
    const use = useOf(presented.generation, says);
    return {
      ...request,
      session,
      keys,
      keyBound: this.bindings.provesKey(session),
      brokenBinding: this.bindings.broken(session, keys, evidence),
      otherClient: (says.clientId ?? session.clientId) !== session.clientId,
      device: this.devices.compare(session, keys, evidence.signals),
      sameDevice: isSameKind(session.userAgent, located.client.userAgent),
      use,
      judged: judgedUse({ ...session, root: presented.root }, use, says.receivedWith),
      limits: this.times.limitsOf(session),
    };
  }

  /**
   * @param wasLive whether an earlier attempt of this request found the token to be the live one
   */
  async decide(attempt: RefreshAttempt, wasLive: boolean): Promise<RefreshDecision> {
    const { session, keys, presented, keyBound, brokenBinding, otherClient, sameDevice, arrivedAt, judged } = attempt;
    return decideRefresh(
      { ...session, keyBound },
      {
        generation: presented.generation,
        genuine: await this.tokens.isGenuine(presented, session, keys),
        bound: brokenBinding === undefined,
        otherClient,
        sameDevice,
        arrivedAt,
        wasLive,
        ...judged,
      },
      this.times.now(),
      attempt.limits,
    );
  }

  /**
   * The session of a genuine token, also of one that was replaced before; `undefined` for any other token.
   */
  async sessionOf(
    refreshToken: string | IssuedRefreshToken,
    client: ClientContext,
    transaction?: HostTransaction,
  ): Promise<RefreshToken | undefined> {
    const presented = this.tokens.decode(refreshToken);
    const session = presented && (await this.store.find(presented.sessionId, transaction));
    const keys = session && this.tokens.keysOf(session);
    if (!keys) return undefined;
    if (await this.tokens.isGenuine(presented, session, keys)) return session;
    this.refusal.tell(session, 'not_genuine', client, presented.generation);
    return undefined;
  }
}

/** Whether the token is newer than the row, because the database has lost commits. */
export function isNewerThanRow({ presented, session }: RefreshAttempt): boolean {
  return presented.generation > session.generation;
}

/** The live token of the session. */
export function liveTokenOf({ presented, keys, session }: RefreshAttempt): DecodedRefreshToken {
  return tokenAt(session.generation, presented, keys, session.seed);
}

/**
 * The client nonce, if the session is bound to one. Its cookie is set again, so that it lives as long as the refresh
 * token.
 */
export function clientNonceOf({ session, evidence }: RefreshAttempt): string | undefined {
  return session.clientNonceHash === null ? undefined : evidence.clientNonce?.[session.transport];
}
