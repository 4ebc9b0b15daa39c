import { Inject, Injectable, Logger } from '@nestjs/common';
import { ThrottlerStorage } from '@nestjs/throttler';
import { LRUCache } from 'lru-cache';
import { AuthError } from '../../auth/common/errors/auth-error.js';
import { CircuitBreaker } from '../../auth/common/time/circuit-breaker.js';
import { Clock } from '../../auth/common/time/clock.js';
import type { FailureKey } from './failure-keys.js';
import type { ThrottledRequest } from './throttled-request.js';
import { ThrottlingConfig } from './throttling-options.js';

/**
 * The number of blocked keys that this instance remembers, to save requests to the storage. Beyond that, the oldest are
 * dropped.
 */
const MOST_BLOCKS = 100_000;

/** Counts failures in the storage of `@nestjs/throttler`, and refuses clients that failed too often. */
@Injectable()
export class FailureLimit {
  private readonly logger = new Logger(FailureLimit.name);
  /** The end of the block of each key, in milliseconds since the Unix epoch. */
  private readonly blocks = new LRUCache<string, number>({ max: MOST_BLOCKS });
  private readonly breaker: CircuitBreaker;

  constructor(
    private readonly config: ThrottlingConfig,
    @Inject(ThrottlerStorage) private readonly storage: ThrottlerStorage,
    private readonly clock: Clock,
  ) {
    this.breaker = new CircuitBreaker(
      {
        name: 'The throttler storage',
        failed: (error) => this.logger.warn(`Failures cannot be counted: ${String(error)}`),
        recovered: () => this.logger.log('Failures are counted again.'),
      },
      () => this.clock.now(),
    );
  }

  /** @throws AuthError `too_many_requests` */
  assertBearable({ keys }: ThrottledRequest): void {
    for (const { key } of keys) {
      const left = this.blockLeft(key);
      if (left > 0) throw tooMany(left);
    }
  }

  /**
   * Counts a failure. The last allowed failure still gets its normal response. Every later attempt is refused, even
   * with the right secret.
   *
   * @throws AuthError `too_many_requests` if the limit had already been reached on another instance
   */
  async count({ keys, tell }: ThrottledRequest): Promise<void> {
    const waits = await Promise.all(keys.map((key) => this.countOne(key, tell)));
    const longest = Math.max(...waits);
    if (longest > 0) throw tooMany(longest);
  }

  /**
   * Returns how many milliseconds the client must wait; 0 if it may continue. If the storage fails, nothing is counted
   * and the request is not refused.
   */
  private async countOne({ kind, key }: FailureKey, tell: ThrottledRequest['tell']): Promise<number> {
    const { limits, per } = this.config;
    try {
      // The storage blocks from the first hit above the limit.
      const { totalHits, isBlocked, timeToBlockExpire } = await this.breaker.run(() =>
        this.storage.increment(key, per, limits[kind] - 1, per, kind),
      );
      if (!isBlocked) return 0;
      // `@nestjs/throttler` returns seconds.
      const wait = Math.max(1, timeToBlockExpire) * 1000;
      const isLate = totalHits > limits[kind];
      // Publish one event per block, on whichever instance it starts. The attack stays visible without filling the
      // table.
      if (!isLate && this.blockLeft(key) === 0) tell(kind);
      this.blocks.set(key, this.clock.now() + wait);
      return isLate ? wait : 0;
    } catch {
      return 0;
    }
  }

  /** Remaining milliseconds of the block, as far as this instance knows. */
  private blockLeft(key: string): number {
    const until = this.blocks.get(key);
    return until === undefined ? 0 : Math.max(0, until - this.clock.now());
  }
}

function tooMany(milliseconds: number): AuthError {
  return new AuthError('too_many_requests', undefined, { retryAfter: Math.ceil(milliseconds / 1000) });
}
