import type { ThrottlerStorage } from '@nestjs/throttler';
import type { FailureKey } from './failure-keys.js';

/** How many failures of a key are allowed, and the milliseconds in which they count. */
export interface Limit {
  readonly most: number;
  readonly per: number;
}

/** What a storage says to an attempt that wants to begin. */
export interface Admission {
  /** Whether the attempt has a place. */
  readonly isAdmitted: boolean;
  /** Milliseconds for which the key is blocked. 0 if it is not: then only attempts under way take the places. */
  readonly blockedFor: number;
}

/** What a storage says to a failure. */
export interface CountedFailure {
  /** Failures of the key that count now. */
  readonly failures: number;
  /** Milliseconds for which the key is blocked from now on; 0 if it is not. */
  readonly blockedFor: number;
  /** Whether the key was blocked before this failure. */
  readonly isLate: boolean;
}

/** A storage that counts failures and, if it can, attempts under way, for all instances together. */
export interface AttemptStorage {
  /** Takes a place, unless failures and attempts under way have reached the limit. */
  begin?(key: string, id: string, limit: Limit): Promise<Admission>;
  /** Counts a failure. The place of the attempt becomes the failure in one step. */
  fail(key: FailureKey, id: string, limit: Limit): Promise<CountedFailure>;
  /** Frees the place of an attempt that has not failed. */
  free?(key: string, id: string): Promise<void>;
}

/** The storage itself if it counts attempts under way. With any other one, each instance counts only its own. */
export function attemptStorageOf(storage: ThrottlerStorage): AttemptStorage {
  const given = storage as ThrottlerStorage & Partial<AttemptStorage>;
  return given.begin && given.fail && given.free ? (given as AttemptStorage) : new FailureStorage(storage);
}

/** Any storage of `@nestjs/throttler`. It knows only failures. */
class FailureStorage implements AttemptStorage {
  constructor(private readonly storage: ThrottlerStorage) {}

  async fail({ kind, key }: FailureKey, _id: string, { most, per }: Limit): Promise<CountedFailure> {
    // The storage blocks from the first hit above its limit.
    const { totalHits, isBlocked, timeToBlockExpire } = await this.storage.increment(key, per, most - 1, per, kind);
    // `@nestjs/throttler` returns seconds.
    const blockedFor = isBlocked ? Math.max(1, timeToBlockExpire) * 1_000 : 0;
    return { failures: totalHits, blockedFor, isLate: isBlocked && totalHits > most };
  }
}
