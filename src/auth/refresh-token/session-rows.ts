import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { BindingEvidence } from '../binding/binding-evidence.js';
import type { BoundTo } from '../binding/binding-method.js';
import { SessionBindings } from '../binding/session-bindings.js';
import { KeyRing } from '../common/crypto/key-ring.js';
import { Clock } from '../common/time/clock.js';
import { DeviceRecognition } from '../device/device-recognition.js';
import type { LocatedClient } from '../risk/risk-assessor.js';
import { RiskStage } from '../risk/risk-stage.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import type { Reauthentication } from '../session/refresh-token.statements.js';
import { RefreshTokenConfig } from '../session/session-options.js';
import type { RefreshAttempt } from './refresh-attempt.js';
import type { DecodedRefreshToken } from './refresh-token.codec.js';
import { deriveSuccessor, hashedMessage, randomSecret } from './successor.js';
import { TokenHasher } from './token-hasher.js';

/** The values that a sign-in has determined before its row is composed. */
export interface SessionStart extends Pick<RefreshToken, 'userId' | 'clientId' | 'deviceName' | 'scope' | 'transport'> {
  readonly boundTo: BoundTo;
  readonly located: LocatedClient;
  readonly evidence: BindingEvidence;
}

/** Composes the row of a session at sign-in, rotation and step-up. It writes nothing to the database. */
@Injectable()
export class SessionRows {
  constructor(
    private readonly keyRing: KeyRing,
    private readonly hasher: TokenHasher,
    private readonly bindings: SessionBindings,
    private readonly devices: DeviceRecognition,
    private readonly risk: RiskStage,
    private readonly clock: Clock,
    private readonly config: RefreshTokenConfig,
  ) {}

  /** The first token of a new session. */
  firstToken(): DecodedRefreshToken {
    return { keys: this.keyRing.current, sessionId: randomUUID(), generation: 0, secret: randomSecret() };
  }

  async first(token: DecodedRefreshToken, start: SessionStart): Promise<RefreshToken> {
    const { boundTo, located, evidence, ...session } = start;
    const { keys, sessionId } = token;
    const { client } = located;
    const now = this.clock.now();
    return {
      ...session,
      ...boundTo,
      fingerprint: this.devices.fingerprintOf(sessionId, keys, evidence.signals),
      id: sessionId,
      generation: token.generation,
      tokenHash: await this.hasher.hash(keys, hashedMessage(token)),
      keyId: keys.id,
      nonce: null,
      accessFloor: 0,
      floorRaisedAt: null,
      createdAt: now,
      rotatedAt: now,
      lastUsedAt: now,
      expiresAt: now + this.config.ttl,
      revokedAt: null,
      revokedReason: null,
      ip: client.ip ?? null,
      userAgent: client.userAgent ?? null,
      ...this.risk.firstSeen(located, now),
      authTime: now,
    };
  }

  /**
   * The row and the successor after a rotation.
   *
   * @param settlingTime milliseconds from now until the rotation counts
   */
  async rotated(
    attempt: RefreshAttempt,
    settlingTime: number,
  ): Promise<{ rotated: RefreshToken; successor: DecodedRefreshToken }> {
    const { session, evidence } = attempt;
    const keys = this.keyRing.current;
    const nonce = randomSecret();
    const successor = deriveSuccessor(attempt.presented, keys, nonce);
    const tokenHash = await this.hasher.hash(keys, hashedMessage(successor));
    const now = this.clock.now();
    const rotated = {
      ...session,
      generation: successor.generation,
      tokenHash,
      keyId: keys.id,
      nonce: nonce.toString('base64url'),
      rotatedAt: now + settlingTime,
      clientNonceHash: this.bindings.rehashClientNonce(session, keys, evidence),
      ...this.seenAgain(attempt, keys, now),
    };
    return { rotated, successor };
  }

  /** The row after a step-up that repeats an answer: the token is unchanged, and the user has authenticated again. */
  reauthenticated(attempt: RefreshAttempt): RefreshToken {
    return { ...attempt.session, ...this.seenAgain(attempt, attempt.keys, this.clock.now()) };
  }

  /** When, from where and with which client the session was last used. */
  private seenAgain(attempt: RefreshAttempt, keys: RefreshAttempt['keys'], now: number): Reauthentication {
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
}
