import { Injectable } from '@nestjs/common';
import { AuthEventBus } from '../events/auth-event-bus.js';
import type { BindingEvidence } from '../binding/binding-evidence.js';
import { DeviceRecognition } from '../device/device-recognition.js';
import { SessionBindings } from '../binding/session-bindings.js';
import { Clock } from '../common/time/clock.js';
import { AuthError } from '../common/errors/auth-error.js';
import { KeyRing, type Keys } from '../common/crypto/key-ring.js';
import type { ClientContext } from '../common/request/client-context.js';
import { type RiskRemark, RiskStage } from '../risk/risk-stage.js';
import type { RiskOccasion } from '../risk/risk-signals.js';
import { SessionRevocation } from '../revocation/session-revocation.js';
import type { Reauthentication } from '../session/refresh-token.statements.js';
import { RefreshTokenStore } from '../session/refresh-token.store.js';
import { BoundedUserProvider } from '../user/bounded-user-provider.js';
import type { AuthUser } from '../user/user-provider.js';
import type { IssuedTokens } from '../session/issued-tokens.js';
import {
  clientNonceOf,
  type Reauthenticate,
  type RefreshAttempt,
  RefreshAttempts,
  successorOf,
} from './refresh-attempt.js';
import { RefreshRefusal } from './refresh-refusal.js';
import type { RefreshDecision } from './refresh-rule.js';
import { type DecodedRefreshToken, RefreshTokenCodec } from './refresh-token.codec.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import { StrictSettling } from './strict-settling.js';
import { deriveSuccessor, hashedMessage, randomSecret } from './successor.js';
import { TokenHasher } from './token-hasher.js';
import { TokenIssuer } from './token-issuer.js';

/** How often a refresh starts over because another request changed the session before it. */
const MOST_ATTEMPTS = 8;

/** Uses up the proof that came with the token, where one did. */
type UseProof = () => Promise<void>;

/** Carries out what the rule decides: reads, asks, and writes once. */
@Injectable()
export class TokenRotation {
  constructor(
    private readonly store: RefreshTokenStore,
    private readonly attempts: RefreshAttempts,
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
    private readonly events: AuthEventBus,
    private readonly clock: Clock,
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

    // Once, however many attempts it takes.
    let proofUsed: Promise<void> | undefined;
    let wasLive = false;
    for (let count = 1; count <= MOST_ATTEMPTS; count++) {
      const attempt = await this.attempts.read(presented, { located, evidence, reauthenticate });
      const useProof = () => (proofUsed ??= this.useProof(attempt));
      const decision = await this.attempts.decide(attempt, arrivedAt, wasLive);
      const issued = await this.carryOut(decision, attempt, useProof);
      if (issued) return issued;
      wasLive ||= decision.action === 'rotate';
      // Another request changed the session between our reading and our writing.
    }
    throw new AuthError('temporarily_unavailable');
  }

  assertIssued(refreshToken: string, client: ClientContext): DecodedRefreshToken {
    const presented = this.codec.decode(refreshToken);
    if (!presented) throw this.refusal.denied(undefined, 'not_issued_here', client);
    return presented;
  }

  private async carryOut(
    decision: RefreshDecision,
    attempt: RefreshAttempt,
    useProof: UseProof,
  ): Promise<IssuedTokens | undefined> {
    const { session, presented, located, brokenBinding } = attempt;
    const { client } = located;
    switch (decision.action) {
      case 'rotate':
        return this.rotate(attempt, useProof);
      case 'repeat':
        return this.repeat(attempt, useProof);
      case 'reuse':
        throw await this.refusal.reused(session, presented.generation, client);
      case 'refuse':
        if (decision.reason === 'binding_failed') throw this.refusal.unbound(session, brokenBinding!, client);
        if (decision.reason === 'concurrent') await this.settling.postpone(session);
        throw this.refusal.denied(session, decision.reason, client, presented.generation);
    }
  }

  /** Everything that can fail comes before the one write. `undefined` where another request came first. */
  private async rotate(attempt: RefreshAttempt, useProof: UseProof): Promise<IssuedTokens | undefined> {
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
    await useProof();
    if (!(await this.store.rotate(session, rotated))) return undefined;

    this.publish(reauthenticate ? 'step_up_passed' : 'refreshed', rotated, attempt, remark);
    if (rotated.keyId !== session.keyId) this.publish('key_rotated', rotated, attempt);
    if (settlingTime > 0) await this.settling.settled(rotated);
    return issued;
  }

  /** The same successor again. A retry writes nothing, so the window stays as it was. */
  private async repeat(attempt: RefreshAttempt, useProof: UseProof): Promise<IssuedTokens | undefined> {
    const { session, reauthenticate, keys } = attempt;
    const remark = await this.passRisk(reauthenticate ? 'step_up' : 'repeat', attempt);
    const user = await this.authenticate(attempt);
    const seen: RefreshToken = reauthenticate
      ? { ...session, ...this.usedAgain(attempt, keys, this.clock.now()) }
      : session;
    const issued = this.issuer.tokensOf(seen, successorOf(attempt), user, clientNonceOf(attempt));
    await useProof();
    if (reauthenticate && !(await this.store.reauthenticate(session, seen))) return undefined;

    this.publish(reauthenticate ? 'step_up_passed' : 'refresh_repeated', seen, attempt, remark);
    return issued;
  }

  /** What the row keeps of when, from where and by what the session was used last. */
  private usedAgain(attempt: RefreshAttempt, keys: Keys, now: number): Reauthentication {
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

  private useProof({ session, evidence, located: { client } }: RefreshAttempt): Promise<void> {
    const { id: sessionId, userId, clientId, generation } = session;
    return this.bindings.assertFirstUse(session, evidence, { sessionId, userId, clientId, generation, ...client });
  }

  private passRisk(
    occasion: RiskOccasion,
    { session, located, device, keyBound }: RefreshAttempt,
  ): Promise<RiskRemark> {
    const deviceChanged = device === 'changed';
    const finding = deviceChanged ? this.devices.finding : undefined;
    return this.risk.pass(occasion, session, located, {
      at: this.clock.now(),
      deviceChanged,
      // A binding that does not hold has been refused before.
      keyProven: keyBound,
      finding,
    });
  }

  private async authenticate({ session, located: { client }, reauthenticate }: RefreshAttempt): Promise<AuthUser> {
    if (reauthenticate) return reauthenticate(session, client);
    const user = await this.users.loadUser(session.userId);
    if (user) return user;
    await this.revocation.end(session, 'user_unavailable', client);
    throw this.refusal.denied(session, 'user_unavailable', client);
  }

  private publish(
    type: 'refreshed' | 'refresh_repeated' | 'step_up_passed' | 'key_rotated',
    { id: sessionId, userId, clientId, generation }: RefreshToken,
    { located: { client }, device }: RefreshAttempt,
    remark: RiskRemark = {},
  ): void {
    const event = { sessionId, userId, clientId, generation, ...client };
    this.events.publish({ type, ...remark, ...event });
    if (device === 'changed' && type !== 'key_rotated') {
      this.events.publish({ type: 'device_changed', alert: this.devices.alerts, ...event });
    }
  }
}
