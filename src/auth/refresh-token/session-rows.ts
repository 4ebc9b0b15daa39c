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
import type { Seen } from '../session/refresh-token.statements.js';
import type { SessionTerms } from '../session/session-terms.js';
import type { AuthUser } from '../user/user-provider.js';
import { credentialsHashOf, renewedCredentials } from './credentials.js';
import type { Admitted } from './refresh-admission.js';
import { type Impersonator } from './impersonators.js';
import { isNewerThanRow, type RefreshAttempt } from './refresh-attempt.js';
import type { DecodedRefreshToken } from './refresh-token.codec.js';
import { firstChain, type Repeat, repeatedChain, rotatedChain } from './session-chain.js';
import { TermsOfSignIn } from './terms-of-sign-in.js';
import { TokenHasher } from './token-hasher.js';
import { hashedMessage, random256, tokenAt } from './voucher.js';

/** The values that a sign-in has determined before its row is composed. */
export interface SessionStart extends Pick<RefreshToken, 'userId' | 'clientId' | 'deviceName' | 'scope' | 'transport'> {
  readonly by: Impersonator;
  /** Who has signed in, as the credentials were then. */
  readonly user: AuthUser;
  readonly boundTo: BoundTo;
  readonly located: LocatedClient;
  readonly evidence: BindingEvidence;
  readonly terms: SessionTerms;
  /** The key of the sign-in, if the client sent one. */
  readonly idempotencyKey: string | undefined;
}

/** The first token of a session, and the seed of its row. */
export interface FirstToken {
  readonly token: DecodedRefreshToken;
  readonly seed: string;
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
    private readonly terms: TermsOfSignIn,
    private readonly clock: Clock,
  ) {}

  /** The first token of a new session. */
  firstToken(): FirstToken {
    const seed = random256().toString('base64url');
    const root = { sessionId: randomUUID(), root: random256() };
    return { token: tokenAt(0, root, this.keyRing.current, seed), seed };
  }

  async first({ token, seed }: FirstToken, start: SessionStart): Promise<RefreshToken> {
    const { user, by, boundTo, located, evidence, idempotencyKey, terms, ...session } = start;
    const { ttl, columns } = this.terms.of(session.clientId, terms);
    const { keys, sessionId } = token;
    const { client } = located;
    const now = this.clock.now();
    return {
      ...session,
      ...boundTo,
      ...columns,
      ...by,
      credentialsHash: credentialsHashOf({ id: sessionId, userId: session.userId }, keys, user),
      fingerprint: this.devices.fingerprintOf(sessionId, keys, evidence.signals),
      deviceHash: null,
      id: sessionId,
      tokenHash: await this.hasher.hash(keys, hashedMessage(token)),
      keyId: keys.id,
      seed,
      ...firstChain(token.root, idempotencyKey),
      accessFloor: 0,
      floorRaisedAt: null,
      createdAt: now,
      lastUsedAt: now,
      expiresAt: now + ttl,
      revokedAt: null,
      revokedReason: null,
      ip: client.ip ?? null,
      userAgent: client.userAgent ?? null,
      ...this.risk.firstSeen(located, now),
      authTime: now,
    };
  }

  /**
   * The row and the successor after a rotation, also of a token that is newer than the row.
   *
   * @param admitted the user as just loaded
   * @param settlingTime milliseconds from now until the rotation counts
   */
  async rotated(
    attempt: RefreshAttempt,
    admitted: Admitted,
    settlingTime: number,
  ): Promise<{ rotated: RefreshToken; successor: DecodedRefreshToken }> {
    const { session, presented, evidence, use, limits, arrivedAt } = attempt;
    const keys = this.keyRing.current;
    const successor = tokenAt(presented.generation + 1, presented, keys, session.seed);
    const tokenHash = await this.hasher.rehash(session, keys, hashedMessage(presented));
    const now = this.nowFor(session);
    const rotated = {
      ...session,
      ...rotatedChain({ ...session, root: presented.root }, use, this.clock.now(), limits, { arrivedAt, settlingTime }),
      accessFloor: isNewerThanRow(attempt)
        ? floorAfterRollback(session, successor.generation, now)
        : session.accessFloor,
      tokenHash,
      keyId: keys.id,
      clientNonceHash: this.bindings.rehashClientNonce(session, keys, evidence),
      ...this.seenAgain(attempt, keys, admitted, now),
    };
    return { rotated, successor };
  }

  /** The row after a repeated answer. The live token is unchanged. Returns the row itself if nothing changes. */
  repeated(attempt: RefreshAttempt, admitted: Admitted, repeat: Repeat): RefreshToken {
    const { session, keys, presented, use, judged, limits, arrivedAt } = attempt;
    const rooted = { ...session, root: presented.root };
    const chain = repeatedChain(rooted, repeat, use, this.clock.now(), limits, { ...judged, arrivedAt });
    const seen = admitted.authentication && this.seenAgain(attempt, keys, admitted, this.nowFor(session));
    return chain || seen ? { ...session, ...chain, ...seen } : session;
  }

  /** Nothing is written earlier than the row has. */
  private nowFor({ lastUsedAt }: RefreshToken): number {
    return Math.max(this.clock.now(), lastUsedAt);
  }

  /** When, from where, with which client and by whom the session was last used. */
  private seenAgain(
    attempt: RefreshAttempt,
    keys: RefreshAttempt['keys'],
    { user, authentication }: Admitted,
    now: number,
  ): Seen {
    const { session, located, evidence, device } = attempt;
    const { client } = located;
    return {
      lastUsedAt: now,
      credentialsHash: renewedCredentials(session, attempt.keys, keys, user, this.clock.now()),
      ip: client.ip ?? session.ip,
      userAgent: client.userAgent ?? session.userAgent,
      fingerprint: this.devices.renewed(session, device, keys, evidence.signals),
      ...this.risk.seenAgain(session, located, now, authentication !== undefined),
      authTime: authentication ? now : session.authTime,
      amr: authentication ? authentication.amr : session.amr,
      acr: authentication ? authentication.acr : session.acr,
    };
  }
}

/** The database lost commits. So access tokens were minted of which the row knows nothing. */
function floorAfterRollback({ accessFloor }: RefreshToken, generation: number, now: number): number {
  return accessFloor === 0 ? 0 : Math.max(generation, accessFloor + 1, Math.floor(now / 1000));
}
