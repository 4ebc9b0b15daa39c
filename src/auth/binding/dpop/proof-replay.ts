import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { AuthError } from '../../common/errors/auth-error.js';
import type { HttpRequest } from '../../common/request/http-request.js';
import { Clock } from '../../common/time/clock.js';
import { CircuitBreaker } from '../../common/time/circuit-breaker.js';
import { AuthEventBus } from '../../events/auth-event-bus.js';
import type { AuthEvent } from '../../events/auth-event.js';
import { BindingConfig } from '../binding-options.js';
import type { DpopProof } from './dpop-proof.js';
import { ReplayFallback } from './replay-fallback.js';
import { CLOCK_SKEW, UsedDpopProofStore } from './used-dpop-proof.store.js';

/** Milliseconds by which the clock of a client may be ahead. A proof from further ahead is recorded in the database, too. */
const AHEAD = 500;

/** The session and client that used a proof, for events. */
export type ProofUse = Pick<
  AuthEvent,
  'sessionId' | 'userId' | 'clientId' | 'generation' | 'actor' | 'ip' | 'userAgent'
>;

/**
 * Accepts each proof once, across all instances (RFC 9449 §11.1). While one instance cannot reach the configured store,
 * all instances record used proofs in the database as well. A proof of an earlier time may be known only to the store.
 * It is refused as `temporarily_unavailable`. So is a proof that a store with lost data may have known.
 */
@Injectable()
export class ProofReplay implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(ProofReplay.name);
  private readonly breaker: CircuitBreaker;
  /** The store may have forgotten what was claimed before this time. */
  private lostBefore = -Infinity;

  constructor(
    private readonly database: UsedDpopProofStore,
    private readonly fallback: ReplayFallback,
    private readonly events: AuthEventBus,
    private readonly clock: Clock,
    private readonly config: BindingConfig,
  ) {
    const name = 'The store of used proofs';
    this.breaker = new CircuitBreaker(
      {
        name,
        failed: (error) =>
          this.logger.warn(
            `${name} is unavailable. Used proofs are recorded in the database meanwhile. ${String(error)}`,
          ),
        recovered: () => this.logger.log(`${name} answers again.`),
      },
      () => this.clock.now(),
    );
  }

  async onModuleInit(): Promise<void> {
    await this.config.dpop.replayStore?.open((age) => this.lose(age));
  }

  async onApplicationShutdown(): Promise<void> {
    await this.config.dpop.replayStore?.close();
  }

  /** The proofs that guards have claimed, by their requests. A route behind the guard may use its proof for a binding, too. */
  private readonly claimed = new WeakMap<HttpRequest, string>();

  /** Like {@link assertFirstUse}, by a guard of the request. */
  async assertFirstUseAt(request: HttpRequest, proof: DpopProof, use: ProofUse): Promise<void> {
    await this.assertFirstUse(proof, use);
    this.claimed.set(request, proof.id);
  }

  /** Whether a guard has claimed the proof for this request. */
  isClaimedBy(request: HttpRequest, proof: DpopProof): boolean {
    return this.claimed.get(request) === proof.id;
  }

  /**
   * @throws AuthError `invalid_dpop_proof` if the proof has been used; `temporarily_unavailable` if this cannot be
   *   checked or recorded: the client can then try again with a new proof
   */
  async assertFirstUse(proof: DpopProof, use: ProofUse): Promise<void> {
    if (await this.claim(proof)) return;
    this.events.publish({ type: 'binding_failed', reason: 'dpop_replayed', alert: true, ...use });
    throw new AuthError('invalid_dpop_proof', 'The DPoP proof is not valid: it has been used before.');
  }

  private async claim({ id, issuedAt, lifetime }: DpopProof): Promise<boolean> {
    const remembered = Math.max(0, lifetime) + CLOCK_SKEW;
    const { replayStore } = this.config.dpop;
    if (!replayStore) return this.database.claim(id, remembered);

    const first = await this.breaker.run(() => replayStore.claim(id, remembered)).catch(() => undefined);
    if (first === false) return false;
    // Only now, because another instance may have lost the store while this one was waiting for it.
    await (first === undefined ? this.fallback.begin() : this.fallback.refresh());
    const { isActive, isNeeded, since } = this.fallback;
    this.assertRecorded(issuedAt, isActive ? Math.max(since, this.lostBefore) : this.lostBefore);
    // A proof made later could otherwise have been used in the store alone before that time.
    const isAhead = issuedAt > this.clock.now() + AHEAD;
    return !(isNeeded || isAhead) || this.database.claim(id, remembered);
  }

  /** @throws AuthError `temporarily_unavailable` for a proof that may have been used before its use was recorded here */
  private assertRecorded(issuedAt: number, recordedSince: number): void {
    if (issuedAt >= recordedSince + AHEAD) return;
    const cause = new Error('The store of used proofs was unavailable, and this proof is older');
    throw new AuthError('temporarily_unavailable', undefined, { cause });
  }

  private lose(age: number): void {
    // What the database has recorded as well is not lost.
    const before = Math.min(this.clock.now() - age, this.fallback.since);
    this.lostBefore = Math.max(this.lostBefore, before);
    // A client that reconnects again and again calls this each time. The record in the database keeps new proofs usable.
    if (age === 0) this.fallback.begin().catch(() => undefined);
  }
}
