import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { ThrottlerStorage } from '@nestjs/throttler';
import { LRUCache } from 'lru-cache';
import { AuthError } from '../../auth/common/errors/auth-error.js';
import { CircuitBreaker } from '../../auth/common/time/circuit-breaker.js';
import { Clock } from '../../auth/common/time/clock.js';
import { type AttemptStorage, attemptStorageOf, type CountedFailure, type Limit } from './attempt-storage.js';
import { AttemptsUnderWay } from './attempts-under-way.js';
import type { FailureKey } from './failure-keys.js';
import { type FailureKind, ThrottlingConfig } from './throttling-options.js';

/** The number of keys whose failures this instance remembers. Beyond that, the oldest are dropped. */
const MOST_KEYS = 100_000;
/** The number of failures that this instance remembers for a storage that is away. */
const MOST_UNTOLD = 10_000;
/** Milliseconds that an attempt waits for others to end. Many honest ones may come together. */
const PATIENCE = 10_000;
/** Milliseconds between two questions whether another instance has a place to give. */
const POLL_INTERVAL = 50;

/** The failures of a key, as far as this instance knows. */
interface KnownFailures {
  readonly count: number;
  /** Milliseconds since the Unix epoch. */
  readonly until: number;
  /** Whether the key is blocked until then. */
  readonly isBlocked: boolean;
}

/** A failure that the storage does not know, because it was away. */
interface UntoldFailure {
  readonly key: FailureKey;
  readonly id: string;
  /** Milliseconds since the Unix epoch. */
  readonly failedAt: number;
  readonly tell: Tell;
}

/** Publishes the event that clients will be refused from now on. */
export type Tell = (kind: FailureKind) => void;

/**
 * Counts failures and attempts under way, and refuses clients that failed too often. Of each key no more attempts are
 * evaluated than may fail. While the storage is away, each instance counts its own, and tells the storage later.
 */
@Injectable()
export class FailureLimit {
  private readonly logger = new Logger(FailureLimit.name);
  private readonly known = new LRUCache<string, KnownFailures>({ max: MOST_KEYS });
  private readonly underWay = new AttemptsUnderWay();
  private readonly untold = new LRUCache<string, UntoldFailure>({ max: MOST_UNTOLD });
  private readonly storage: AttemptStorage;
  private readonly breaker: CircuitBreaker;

  constructor(
    private readonly config: ThrottlingConfig,
    @Inject(ThrottlerStorage) storage: ThrottlerStorage,
    private readonly clock: Clock,
  ) {
    this.storage = attemptStorageOf(storage);
    this.breaker = new CircuitBreaker(
      {
        name: 'The throttler storage',
        failed: (error) => this.logger.warn(`Each instance counts failures alone: ${String(error)}`),
        recovered: () => {
          this.logger.log('The failures of all instances are counted together again.');
          this.tellStorage();
        },
      },
      () => this.clock.now(),
    );
  }

  /**
   * Takes a place under each key. If attempts under way have taken them all, it waits for one to end.
   *
   * @throws AuthError `too_many_requests`
   */
  async begin(keys: readonly FailureKey[], tell: Tell): Promise<Places> {
    const places = new Places(this, tell);
    const deadline = performance.now() + PATIENCE;
    try {
      for (const key of keys) {
        await this.take(key, places.id, deadline);
        places.taken.add(key);
      }
    } catch (error) {
      await places.settle([]);
      throw error;
    }
    return places;
  }

  /**
   * Counts a failure. If it has a place, it becomes a failure in one step.
   *
   * @returns the milliseconds that the client must wait: 0, unless the limit had been reached on another instance
   */
  async fail({ kind, key }: FailureKey, id: string, tell: Tell): Promise<number> {
    const limit = this.limitOf(kind);
    const told = await this.breaker.run(() => this.storage.fail({ kind, key }, id, limit)).catch(() => undefined);
    const now = this.clock.now();
    // Only these storages know a failure that they are told twice.
    if (!told && this.storage.begin) this.untold.set(id + key, { key: { kind, key }, id, failedAt: now, tell });
    const { failures, blockedFor, isLate } = told ?? this.countHere(key, limit);
    const isBlocked = blockedFor > 0;
    // Publish one event per block, on whichever instance it starts. The attack stays visible without filling the table.
    if (isBlocked && !isLate && this.blockLeft(key) === 0) tell(kind);
    const end = (!told && this.knownOf(key)?.until) || now + limit.per;
    this.remember(key, { count: failures, until: isBlocked ? now + blockedFor : end, isBlocked });
    return isLate ? blockedFor : 0;
  }

  private countHere(key: string, { most, per }: Limit): CountedFailure {
    const failures = this.failuresOf(key) + 1;
    return { failures, blockedFor: failures >= most ? per : 0, isLate: false };
  }

  /**
   * Frees a place here, and on the storage unless the attempt has become a failure there. While the storage is away, the
   * place there ends with its lease.
   */
  free({ kind, key }: FailureKey, id: string, hasFailed: boolean): void {
    this.underWay.free(key);
    if (hasFailed || !this.isShared(kind)) return;
    void this.breaker.run(() => this.storage.free!(key, id)).catch(() => undefined);
  }

  /** Tells the storage what it has missed. A failure counts there only for the rest of its time. */
  private tellStorage(): void {
    for (const [name, { key, id, failedAt, tell }] of this.untold.entries()) {
      const { most, per } = this.limitOf(key.kind);
      const left = failedAt + per - this.clock.now();
      if (left <= 0) {
        this.untold.delete(name);
        continue;
      }
      const told = ({ blockedFor, isLate }: CountedFailure) => {
        this.untold.delete(name);
        if (blockedFor > 0 && !isLate && this.blockLeft(key.key) === 0) tell(key.kind);
      };
      this.storage.fail(key, id, { most, per: left }).then(told, () => undefined);
    }
  }

  /**
   * Whether all instances share the places of this kind. Those of refreshes are counted by each instance: nobody guesses a
   * refresh token, and a refresh need not wait for the storage.
   */
  private isShared(kind: FailureKind): boolean {
    return this.storage.begin !== undefined && kind !== 'refresh';
  }

  private async take({ kind, key }: FailureKey, id: string, deadline: number): Promise<void> {
    const limit = this.limitOf(kind);
    const left = () => deadline - performance.now();
    for (;;) {
      const blockedFor = this.blockLeft(key);
      if (blockedFor > 0) throw tooMany(blockedFor);
      if (this.underWay.take(key, Math.max(1, limit.most - this.failuresOf(key)))) break;
      if (left() <= 0) throw tooMany(0);
      await this.underWay.wait(key, left());
    }
    if (!this.isShared(kind)) return;
    try {
      while (!(await this.isAdmitted(key, id, limit))) {
        if (left() <= 0) throw tooMany(0);
        await delay(POLL_INTERVAL);
      }
    } catch (error) {
      this.underWay.free(key);
      throw error;
    }
  }

  /** @throws AuthError `too_many_requests` if the key is blocked */
  private async isAdmitted(key: string, id: string, limit: Limit): Promise<boolean> {
    const admission = await this.breaker.run(() => this.storage.begin!(key, id, limit)).catch(() => undefined);
    // While the storage is away, only the places here count.
    if (!admission) return true;
    const { isAdmitted, blockedFor } = admission;
    if (blockedFor === 0) return isAdmitted;
    this.remember(key, { count: 0, until: this.clock.now() + blockedFor, isBlocked: true });
    throw tooMany(blockedFor);
  }

  private limitOf(kind: FailureKind): Limit {
    return { most: this.config.limits[kind], per: this.config.per };
  }

  private remember(key: string, known: KnownFailures): void {
    this.known.set(key, known);
    if (known.isBlocked) this.underWay.wakeAll(key);
  }

  private knownOf(key: string): KnownFailures | undefined {
    const known = this.known.get(key);
    return known && known.until > this.clock.now() ? known : undefined;
  }

  private failuresOf(key: string): number {
    return this.knownOf(key)?.count ?? 0;
  }

  /** Remaining milliseconds of the block, as far as this instance knows. */
  private blockLeft(key: string): number {
    const known = this.knownOf(key);
    // The clock may have been ahead when the block began.
    return known?.isBlocked ? Math.min(known.until - this.clock.now(), this.config.per) : 0;
  }
}

/** The places of one attempt. */
export class Places {
  /** The same under all keys. */
  readonly id = randomUUID();
  readonly taken = new Set<FailureKey>();

  constructor(
    private readonly limit: FailureLimit,
    private readonly tell: Tell,
  ) {}

  /**
   * Counts the attempt as a failure of these keys, and frees the places under all others. Call it once. The last allowed
   * failure still gets its normal response. Every later attempt is refused, even with the right secret.
   *
   * @throws AuthError `too_many_requests` if the limit had already been reached on another instance
   */
  async settle(failed: readonly FailureKey[]): Promise<void> {
    const isFailed = ({ key }: FailureKey) => failed.some((one) => one.key === key);
    const kept = [...this.taken].filter((key) => !isFailed(key));
    for (const key of kept) this.limit.free(key, this.id, false);
    const waits = await Promise.all(failed.map((key) => this.limit.fail(key, this.id, this.tell)));
    for (const key of [...this.taken].filter(isFailed)) this.limit.free(key, this.id, true);
    const longest = Math.max(0, ...waits);
    if (longest > 0) throw tooMany(longest);
  }
}

/** @param milliseconds 0 if only attempts under way take the places: then one may be free very soon */
function tooMany(milliseconds: number): AuthError {
  return new AuthError('too_many_requests', undefined, { retryAfter: Math.max(1, Math.ceil(milliseconds / 1000)) });
}
