import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { AuthError } from '../../common/errors/auth-error.js';
import { Clock } from '../../common/time/clock.js';
import { withTimeout } from '../../common/time/with-timeout.js';
import { AuthEventBus } from '../../events/auth-event-bus.js';
import type { AuthEvent } from '../../events/auth-event.js';
import { BindingConfig } from '../binding-options.js';
import type { DpopProof } from './dpop-proof.js';
import { UsedDpopProofStore } from './used-dpop-proof.store.js';

/** Milliseconds by which the clocks of other instances may lag. */
const CLOCK_SKEW = 5_000;
/** Milliseconds after which a store that does not answer counts as unavailable. */
const LONGEST_CLAIM = 1_000;
/** Milliseconds for which an unavailable store is not asked again. */
const PAUSE = 5_000;

/** The session and client that used a proof, for events. */
export type ProofUse = Pick<AuthEvent, 'sessionId' | 'userId' | 'clientId' | 'generation' | 'ip' | 'userAgent'>;

/**
 * Accepts each proof once, across all instances (RFC 9449 §11.1). If the configured store fails, the database records
 * used proofs instead. Proofs that were made before the failure may be in the store only, so they are refused as
 * `temporarily_unavailable`.
 */
@Injectable()
export class ProofReplay implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(ProofReplay.name);
  /** The time since which the store has been unavailable; `undefined` while it answers. */
  private awaySince: number | undefined;
  private lastAwayAt = -Infinity;

  constructor(
    private readonly database: UsedDpopProofStore,
    private readonly events: AuthEventBus,
    private readonly clock: Clock,
    private readonly config: BindingConfig,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.config.dpop.replayStore?.open();
  }

  async onModuleDestroy(): Promise<void> {
    await this.config.dpop.replayStore?.close();
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
    const { replayStore, proofLifetime } = this.config.dpop;
    if (!replayStore) return this.database.claim(id, remembered);

    const first = await this.claimInStore(id, remembered);
    if (first === undefined && issuedAt <= this.awaySince!) {
      const cause = new Error('The store of used proofs is unavailable, and this proof is older than the failure');
      throw new AuthError('temporarily_unavailable', undefined, { cause });
    }
    // Only the database knows the proofs that were used while the store was unavailable.
    const databaseKnows = first === undefined || this.clock.now() < this.lastAwayAt + 2 * proofLifetime + CLOCK_SKEW;
    return first !== false && (!databaseKnows || this.database.claim(id, remembered));
  }

  /** `undefined` if the store is unavailable. */
  private async claimInStore(id: string, lifetime: number): Promise<boolean | undefined> {
    const now = this.clock.now();
    if (this.awaySince !== undefined && now < this.lastAwayAt + PAUSE) return undefined;
    try {
      const { replayStore } = this.config.dpop;
      const first = await withTimeout(LONGEST_CLAIM, 'The store of used proofs', replayStore!.claim(id, lifetime));
      if (this.awaySince !== undefined) this.logger.log('The store of used proofs answers again.');
      this.awaySince = undefined;
      return first;
    } catch (error) {
      if (this.awaySince === undefined) {
        this.logger.warn(
          `The store of used proofs is unavailable. Used proofs are recorded in the database meanwhile. ${String(error)}`,
        );
      }
      this.lastAwayAt = this.clock.now();
      this.awaySince ??= this.lastAwayAt;
      return undefined;
    }
  }
}
