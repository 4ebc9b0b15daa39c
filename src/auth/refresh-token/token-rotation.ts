import { Injectable } from '@nestjs/common';
import { AuthEvents } from '../audit/auth-events.js';
import type { BindingEvidence } from '../binding/binding-evidence.js';
import type { BindingKind } from '../binding/binding-kind.js';
import type { DeviceComparison } from '../binding/fingerprint/device-fingerprint.js';
import { DeviceRecognition } from '../binding/fingerprint/device-recognition.js';
import { SessionBindings } from '../binding/session-bindings.js';
import { Clock } from '../clock/clock.js';
import { AuthError } from '../errors/auth-error.js';
import { KeyRing, type Keys } from '../keys/key-ring.js';
import { ResolvedAuthOptions } from '../options/resolve-options.js';
import type { ClientContext } from '../request/client-context.js';
import type { LocatedClient } from '../risk/risk-assessor.js';
import { type RiskRemark, RiskStage } from '../risk/risk-stage.js';
import type { RiskOccasion } from '../risk/signals.js';
import { SessionRevocation } from '../revocation/session-revocation.js';
import { type Reauthentication, RefreshTokenStore } from '../store/refresh-token.store.js';
import { BoundedUserProvider } from '../user/bounded-user-provider.js';
import type { AuthUser } from '../user/user-provider.js';
import type { IssuedTokens } from './issued-tokens.js';
import { RefreshRefusal } from './refresh-refusal.js';
import { decideRefresh, type RefreshDecision } from './refresh-rule.js';
import { type DecodedRefreshToken, RefreshTokenCodec } from './refresh-token.codec.js';
import type { RefreshToken } from './refresh-token.entity.js';
import { StrictSettling } from './strict-settling.js';
import { deriveSuccessor, hashedMessage, randomSecret } from './successor.js';
import { TokenHasher } from './token-hasher.js';
import { TokenIssuer } from './token-issuer.js';

/** How often a refresh starts over because another request changed the session before it. */
const MOST_ATTEMPTS = 8;

/** A token that was presented, and its session as it has just been read. */
interface Attempt {
  readonly session: RefreshToken;
  /** Those that the row names. */
  readonly keys: Keys;
  readonly presented: DecodedRefreshToken;
  readonly located: LocatedClient;
  readonly reauthenticate: Reauthenticate | undefined;
  readonly evidence: BindingEvidence;
  /** Uses up the proof that came with it, once however many attempts it takes. */
  readonly useProof: () => Promise<void>;
  readonly keyBound: boolean;
  readonly brokenBinding: BindingKind | undefined;
  readonly device: DeviceComparison;
}

/** Asks the user to prove again who they are; throws where they do not. */
export type Reauthenticate = (session: RefreshToken, client: ClientContext) => Promise<AuthUser>;

/** Carries out what the rule decides: reads, asks, and writes once. */
@Injectable()
export class TokenRotation {
  constructor(
    private readonly store: RefreshTokenStore,
    private readonly codec: RefreshTokenCodec,
    private readonly hasher: TokenHasher,
    private readonly keyRing: KeyRing,
    private readonly issuer: TokenIssuer,
    private readonly users: BoundedUserProvider,
    private readonly bindings: SessionBindings,
    private readonly devices: DeviceRecognition,
    private readonly settling: StrictSettling,
    private readonly refusal: RefreshRefusal,
    private readonly revocation: SessionRevocation,
    private readonly risk: RiskStage,
    private readonly events: AuthEvents,
    private readonly clock: Clock,
    private readonly options: ResolvedAuthOptions,
  ) {}

  /** @param reauthenticate instead of loading the user, where they step up */
  async refresh(
    refreshToken: string,
    from: ClientContext,
    evidence: BindingEvidence,
    reauthenticate?: Reauthenticate,
  ): Promise<IssuedTokens> {
    const arrivedAt = this.clock.now();
    const presented = this.assertIssued(refreshToken, from);
    const located = await this.risk.locate(from);
    const { client } = located;

    let proofUsed: Promise<void> | undefined;
    for (let count = 1; count <= MOST_ATTEMPTS; count++) {
      const session = await this.store.findTogether(presented.sessionId);
      if (!session) throw this.refusal.denied(undefined, 'unknown_session', client, presented.generation);
      const useProof = () => (proofUsed ??= this.useProof(session, client, evidence));
      const attempt = this.attempt(session, presented, { located, evidence, useProof, reauthenticate });
      const decision = await this.decide(attempt, arrivedAt);
      if (decision.action !== 'rotate' && decision.action !== 'repeat') throw await this.refuse(attempt, decision);

      const issued = decision.action === 'repeat' ? await this.repeat(attempt) : await this.rotate(attempt);
      if (issued) return issued;
      // Another request changed the session between our reading and our writing.
    }
    throw new AuthError('temporarily_unavailable');
  }

  assertIssued(refreshToken: string, client: ClientContext): DecodedRefreshToken {
    const presented = this.codec.decode(refreshToken);
    if (!presented) throw this.refusal.denied(undefined, 'not_issued_here', client);
    return presented;
  }

  private attempt(
    session: RefreshToken,
    presented: DecodedRefreshToken,
    request: Pick<Attempt, 'located' | 'evidence' | 'useProof' | 'reauthenticate'>,
  ): Attempt {
    const { located, evidence } = request;
    const keys = this.keyRing.find(session.keyId);
    if (!keys) throw this.refusal.denied(session, 'secret_removed', located.client, presented.generation);
    return {
      ...request,
      session,
      keys,
      presented,
      keyBound: this.bindings.provesKey(session),
      brokenBinding: this.bindings.broken(session, keys, evidence),
      device: this.devices.compare(session, keys, evidence.signals),
    };
  }

  private async decide(attempt: Attempt, arrivedAt: number): Promise<RefreshDecision> {
    const { session, presented, keyBound, brokenBinding } = attempt;
    return decideRefresh(
      { ...session, keyBound },
      {
        generation: presented.generation,
        matches: await this.vouchesFor(attempt),
        bound: brokenBinding === undefined,
      },
      arrivedAt,
      this.options.refreshToken,
    );
  }

  /** Whether the row vouches for the secret: for the live token directly, for its predecessor by what it derives. */
  private async vouchesFor(attempt: Attempt): Promise<boolean> {
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

  private async refuse(attempt: Attempt, decision: RefreshDecision): Promise<AuthError> {
    const { session, presented, located, brokenBinding } = attempt;
    const { client } = located;
    switch (decision.action) {
      case 'reuse':
        return this.refusal.reused(session, presented.generation, client);
      case 'refuse':
        if (decision.reason === 'binding_failed') return this.refusal.unbound(session, brokenBinding!, client);
        if (decision.reason === 'concurrent') await this.settling.postpone(session);
        return this.refusal.denied(session, decision.reason, client, presented.generation);
      default:
        throw new TypeError(`${decision.action} is no refusal`);
    }
  }

  /** Everything that can fail comes before the one write. `undefined` where another request came first. */
  private async rotate(attempt: Attempt): Promise<IssuedTokens | undefined> {
    const { session, presented, evidence, keyBound, reauthenticate } = attempt;
    const remark = await this.passRisk(reauthenticate ? 'step_up' : 'refresh', attempt);
    const user = await this.authenticate(attempt);
    const keys = this.keyRing.current;
    const nonce = randomSecret();
    const successor = deriveSuccessor(presented, keys, nonce);
    const now = this.clock.now();
    const settlingTime = this.settling.timeOf(keyBound);
    const rotated: RefreshToken = {
      ...session,
      generation: successor.generation,
      tokenHash: await this.hasher.hash(keys, hashedMessage(successor)),
      keyId: keys.id,
      nonce: nonce.toString('base64url'),
      rotatedAt: now + settlingTime,
      clientNonceHash: this.bindings.rehashClientNonce(session, keys, evidence),
      ...this.usedAgain(attempt, keys, now),
    };
    const issued = this.issuer.tokensOf(rotated, successor, user, clientNonceOf(attempt));
    await attempt.useProof();
    if (!(await this.store.rotate(session, rotated))) return undefined;

    this.publish(reauthenticate ? 'step_up_passed' : 'refreshed', rotated, attempt, remark);
    if (rotated.keyId !== session.keyId) this.publish('key_rotated', rotated, attempt);
    if (settlingTime > 0) await this.settling.settled(rotated);
    return issued;
  }

  /** The same successor again. A retry writes nothing, so the window stays as it was. */
  private async repeat(attempt: Attempt): Promise<IssuedTokens | undefined> {
    const { session, reauthenticate, keys } = attempt;
    const remark = await this.passRisk(reauthenticate ? 'step_up' : 'replay', attempt);
    const user = await this.authenticate(attempt);
    const seen: RefreshToken = reauthenticate
      ? { ...session, ...this.usedAgain(attempt, keys, this.clock.now()) }
      : session;
    const issued = this.issuer.tokensOf(seen, successorOf(attempt), user, clientNonceOf(attempt));
    await attempt.useProof();
    if (reauthenticate && !(await this.store.reauthenticate(session, seen))) return undefined;

    this.publish(reauthenticate ? 'step_up_passed' : 'replayed', seen, attempt, remark);
    return issued;
  }

  /** What the row keeps of when, from where and by what the session was used last. */
  private usedAgain(attempt: Attempt, keys: Keys, now: number): Reauthentication {
    const { session, located, evidence, device, reauthenticate } = attempt;
    const { client } = located;
    return {
      lastUsedAt: now,
      ip: client.ip ?? session.ip,
      userAgent: client.userAgent ?? session.userAgent,
      fingerprint: this.devices.renewed(session, device, keys, evidence.signals),
      ...this.risk.seenAgain(session, located, now, reauthenticate !== undefined),
      authTime: reauthenticate ? now : session.authTime,
    };
  }

  private useProof(session: RefreshToken, client: ClientContext, evidence: BindingEvidence): Promise<void> {
    const { id: sessionId, userId, clientId, generation } = session;
    return this.bindings.assertFirstUse(session, evidence, { sessionId, userId, clientId, generation, ...client });
  }

  private passRisk(occasion: RiskOccasion, { session, located, device }: Attempt): Promise<RiskRemark> {
    const changed = device === 'changed';
    const finding = changed ? this.devices.finding : undefined;
    return this.risk.pass(occasion, session, located, { at: this.clock.now(), deviceChanged: changed, finding });
  }

  private async authenticate({ session, located: { client }, reauthenticate }: Attempt): Promise<AuthUser> {
    if (reauthenticate) return reauthenticate(session, client);
    const user = await this.users.loadUser(session.userId);
    if (user) return user;
    await this.revocation.end(session, 'user_unavailable', client);
    throw this.refusal.denied(session, 'user_unavailable', client);
  }

  private publish(
    type: 'refreshed' | 'replayed' | 'step_up_passed' | 'key_rotated',
    { id: sessionId, userId, clientId, generation }: RefreshToken,
    { located: { client }, device }: Attempt,
    remark: RiskRemark = {},
  ): void {
    const event = { sessionId, userId, clientId, generation, ...client };
    this.events.publish({ type, ...remark, ...event });
    if (device === 'changed' && type !== 'key_rotated') {
      this.events.publish({ type: 'device_changed', alert: this.devices.alerts, ...event });
    }
  }
}

/** The live token, from its predecessor and the row. */
function successorOf({ presented, keys, session }: Attempt): DecodedRefreshToken {
  return deriveSuccessor(presented, keys, Buffer.from(session.nonce!, 'base64url'));
}

/** For the cookie, whose life is prolonged with that of the refresh token. */
function clientNonceOf({ session, evidence }: Attempt): string | undefined {
  return session.clientNonceHash === null ? undefined : evidence.clientNonce?.[session.transport];
}
