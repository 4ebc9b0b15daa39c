import { Injectable } from '@nestjs/common';
import type { BindingEvidence } from '../binding/binding-evidence.js';
import type { BindingKind } from '../binding/binding-kind.js';
import { SessionBindings } from '../binding/session-bindings.js';
import { KeyRing, type Keys } from '../common/crypto/key-ring.js';
import type { ClientContext } from '../common/request/client-context.js';
import { crossSiteRefusal } from '../cookie/cross-site.js';
import type { DeviceComparison } from '../device/device-fingerprint.js';
import { DeviceRecognition } from '../device/device-recognition.js';
import type { LocatedClient } from '../risk/risk-assessor.js';
import { RiskStage } from '../risk/risk-stage.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import { RefreshTokenStore } from '../session/refresh-token.store.js';
import { RefreshTokenConfig } from '../session/session-options.js';
import type { AuthUser } from '../user/user-provider.js';
import { RefreshRefusal } from './refresh-refusal.js';
import { decideRefresh, type RefreshDecision } from './refresh-rule.js';
import { type DecodedRefreshToken, type IssuedRefreshToken, RefreshTokenCodec } from './refresh-token.codec.js';
import { deriveSuccessor, hashedMessage } from './successor.js';
import { TokenHasher } from './token-hasher.js';

/** Asks the user to prove again who they are; throws where they do not. */
export type Reauthenticate = (session: RefreshToken, client: ClientContext) => Promise<AuthUser>;

/** A refresh token, and what came with it. */
export interface RefreshRequest {
  readonly presented: DecodedRefreshToken;
  readonly located: LocatedClient;
  readonly evidence: BindingEvidence;
  /** Instead of loading the user, where they step up. */
  readonly reauthenticate: Reauthenticate | undefined;
}

/** A request, and its session as it has just been read. */
export interface RefreshAttempt extends RefreshRequest {
  readonly session: RefreshToken;
  /** Those that the row names. */
  readonly keys: Keys;
  readonly keyBound: boolean;
  readonly brokenBinding: BindingKind | undefined;
  readonly device: DeviceComparison;
}

/** Decodes and reads what the rule needs to know, and asks it. */
@Injectable()
export class RefreshAttempts {
  constructor(
    private readonly codec: RefreshTokenCodec,
    private readonly risk: RiskStage,
    private readonly store: RefreshTokenStore,
    private readonly keyRing: KeyRing,
    private readonly hasher: TokenHasher,
    private readonly bindings: SessionBindings,
    private readonly devices: DeviceRecognition,
    private readonly refusal: RefreshRefusal,
    private readonly config: RefreshTokenConfig,
  ) {}

  /**
   * @param refreshToken a string, or what a guard has already decoded
   * @throws AuthError `invalid_grant` for anything that this server has not issued
   */
  decode(refreshToken: string | IssuedRefreshToken, client: ClientContext): DecodedRefreshToken {
    const decoded = this.codec.decode(refreshToken);
    if (!decoded) throw this.refusal.notIssuedHere(client);
    return decoded;
  }

  /** @throws AuthError as {@link decode} does */
  async begin(
    refreshToken: string | IssuedRefreshToken,
    from: ClientContext,
    evidence: BindingEvidence,
    reauthenticate: Reauthenticate | undefined,
  ): Promise<RefreshRequest> {
    const presented = this.decode(refreshToken, from);
    return { presented, located: await this.risk.locate(from), evidence, reauthenticate };
  }

  /** @throws AuthError `invalid_grant` where there is no such session; `forbidden` where another site asks for a cookie */
  async read(request: RefreshRequest): Promise<RefreshAttempt> {
    const { presented, located, evidence } = request;
    const session = await this.store.findTogether(presented.sessionId);
    if (!session) throw this.refusal.denied(undefined, 'unknown_session', located.client, presented.generation);
    // A browser keeps the cookies of an answer also where another site made it ask, with a token of its own in the body.
    if (evidence.crossSite && session.transport === 'cookie') throw crossSiteRefusal();
    const keys = this.keyRing.find(session.keyId);
    if (!keys) throw this.refusal.denied(session, 'secret_removed', located.client, presented.generation);
    return {
      ...request,
      session,
      keys,
      keyBound: this.bindings.provesKey(session),
      brokenBinding: this.bindings.broken(session, keys, evidence),
      device: this.devices.compare(session, keys, evidence.signals),
    };
  }

  /**
   * @param arrivedAt when the request did, in milliseconds
   * @param wasLive as an attempt before this one has found
   */
  async decide(attempt: RefreshAttempt, arrivedAt: number, wasLive: boolean): Promise<RefreshDecision> {
    const { session, presented, keyBound, brokenBinding } = attempt;
    return decideRefresh(
      { ...session, keyBound },
      {
        generation: presented.generation,
        matches: await this.vouchesFor(attempt),
        bound: brokenBinding === undefined,
        wasLive,
      },
      arrivedAt,
      this.config,
    );
  }

  /** Whether the row vouches for the secret: for the live token directly, for its predecessor by what it derives. */
  private async vouchesFor(attempt: RefreshAttempt): Promise<boolean> {
    const { session, keys, presented } = attempt;
    switch (presented.generation) {
      case session.generation:
        return this.hasher.verify(keys, session.tokenHash, hashedMessage(presented));
      case session.generation - 1:
        return this.hasher.verify(keys, session.tokenHash, hashedMessage(successorOf(attempt)));
      default:
        return false;
    }
  }
}

/** The live token, from its predecessor and the row. */
export function successorOf({ presented, keys, session }: RefreshAttempt): DecodedRefreshToken {
  return deriveSuccessor(presented, keys, Buffer.from(session.nonce!, 'base64url'));
}

/** For the cookie, whose life is prolonged with that of the refresh token. */
export function clientNonceOf({ session, evidence }: RefreshAttempt): string | undefined {
  return session.clientNonceHash === null ? undefined : evidence.clientNonce?.[session.transport];
}
