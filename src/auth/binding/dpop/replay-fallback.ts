import { Injectable } from '@nestjs/common';
import { Clock } from '../../common/time/clock.js';
import { withTimeout } from '../../common/time/with-timeout.js';
import { BindingConfig } from '../binding-options.js';
import { CLOCK_SKEW, UsedDpopProofStore } from './used-dpop-proof.store.js';

/** The row that says so. No proof has this id. */
const NOTICE = 'the-store-of-used-proofs-is-unavailable';
/** Milliseconds for which an instance relies on its last look at the row. */
const READ_INTERVAL = 500;
/** Milliseconds that a look at the row may take. */
const READ_LIMIT = 1_000;
/** Milliseconds after which the row is renewed during an outage. */
const RENEW_INTERVAL = 10_000;

/**
 * The agreement of all instances to record used proofs in the database as well as in the store. One instance that
 * cannot reach the store suffices: it leaves a row in the database, and every instance looks for this row twice a
 * second while it gets proofs.
 */
@Injectable()
export class ReplayFallback {
  /** The time at which this instance learned of the row, and the time until which the row is kept. */
  private begunAt = Infinity;
  private until = -Infinity;
  private readAt = -Infinity;
  private reading: Promise<void> | undefined;
  private lookFailed = false;

  constructor(
    private readonly database: UsedDpopProofStore,
    private readonly clock: Clock,
    private readonly config: BindingConfig,
  ) {}

  /** Whether this instance has to record proofs in the database: also while it cannot know that nobody has to. */
  get isNeeded(): boolean {
    return this.isActive || this.lookFailed;
  }

  get isActive(): boolean {
    return this.until > this.clock.now();
  }

  /** The time from which every instance records proofs in the database; `Infinity` while none has to. */
  get since(): number {
    // Every other instance sees the row with its next look.
    return this.isActive ? this.begunAt + READ_INTERVAL : Infinity;
  }

  /** Looks whether another instance has left the row. After a failed look the next call looks again. */
  async refresh(): Promise<void> {
    const age = this.clock.now() - this.readAt;
    // The clock may have been set back.
    if (age >= 0 && age < READ_INTERVAL) return;
    this.reading ??= this.read().finally(() => (this.reading = undefined));
    await this.reading;
  }

  /**
   * Leaves the row, or renews it.
   *
   * @throws AuthError `temporarily_unavailable` if the database fails
   */
  async begin(): Promise<void> {
    await this.refresh();
    const lifetime = 2 * this.config.dpop.proofLifetime + CLOCK_SKEW + RENEW_INTERVAL;
    const left = this.until - this.clock.now();
    if (left > lifetime - RENEW_INTERVAL) return;
    await this.database.keep(NOTICE, lifetime);
    // If the row was about to end, another instance may have seen its end.
    this.note(this.clock.now() + lifetime, left > 2 * READ_INTERVAL);
  }

  private async read(): Promise<void> {
    const now = this.clock.now();
    const look = withTimeout(READ_LIMIT, 'The table of used proofs', this.database.keptUntil(NOTICE));
    const until = await look.catch(() => undefined);
    this.lookFailed = until === undefined;
    if (until === undefined) return;
    this.readAt = now;
    this.note(until, this.isActive);
  }

  private note(until: number, wasActive: boolean): void {
    this.until = until;
    if (!wasActive) this.begunAt = this.clock.now();
  }
}
