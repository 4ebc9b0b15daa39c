import { Inject, Injectable, Logger } from '@nestjs/common';
import { ThrottlerStorage } from '@nestjs/throttler';
import { LRUCache } from 'lru-cache';
import { AuthError } from '../../auth/common/errors/auth-error.js';
import { Clock } from '../../auth/common/time/clock.js';
import type { FailureKey } from './failure-keys.js';
import type { ThrottledRequest } from './throttled-request.js';
import { ThrottlingConfig } from './throttling-options.js';

/** Keys whose block this instance remembers, so that it need not be asked for; of more, the oldest are forgotten. */
const MOST_BLOCKS = 100_000;

/** Counts failures in the store of `@nestjs/throttler`, and refuses those who had too many. */
@Injectable()
export class FailureLimit {
  private readonly logger = new Logger(FailureLimit.name);
  /** Until when, in milliseconds since the Unix epoch. */
  private readonly blocks = new LRUCache<string, number>({ max: MOST_BLOCKS });

  constructor(
    private readonly config: ThrottlingConfig,
    @Inject(ThrottlerStorage) private readonly storage: ThrottlerStorage,
    private readonly clock: Clock,
  ) {}

  /** @throws AuthError `too_many_requests` */
  assertBearable({ keys }: ThrottledRequest): void {
    for (const { key } of keys) {
      const left = this.blockLeft(key);
      if (left > 0) throw tooMany(left);
    }
  }

  /**
   * The last failure that is borne is still answered as such, and every attempt after it refused, the right one too.
   *
   * @throws AuthError `too_many_requests` where there had been enough before, on another instance
   */
  async count({ keys, tell }: ThrottledRequest): Promise<void> {
    const waits = await Promise.all(keys.map((key) => this.countOne(key, tell)));
    const longest = Math.max(...waits);
    if (longest > 0) throw tooMany(longest);
  }

  /** Milliseconds to wait for who should not have come. A store that fails counts nothing: nobody is refused for that. */
  private async countOne({ kind, key }: FailureKey, tell: ThrottledRequest['tell']): Promise<number> {
    const { limits, per } = this.config;
    try {
      // It blocks what is more than its limit.
      const { totalHits, isBlocked, timeToBlockExpire } = await this.storage.increment(
        key,
        per,
        limits[kind] - 1,
        per,
        kind,
      );
      if (!isBlocked) return 0;
      // In seconds, as `@nestjs/throttler` has it.
      const wait = Math.max(1, timeToBlockExpire) * 1000;
      const isLate = totalHits > limits[kind];
      // Once, however many attempts follow, and wherever: an attack is to be seen, and not to fill a table.
      if (!isLate && this.blockLeft(key) === 0) tell(kind);
      this.blocks.set(key, this.clock.now() + wait);
      return isLate ? wait : 0;
    } catch (error) {
      this.logger.warn(`Failures cannot be counted: ${String(error)}`);
      return 0;
    }
  }

  /** Milliseconds, as far as this instance knows. */
  private blockLeft(key: string): number {
    const until = this.blocks.get(key);
    return until === undefined ? 0 : Math.max(0, until - this.clock.now());
  }
}

function tooMany(milliseconds: number): AuthError {
  return new AuthError('too_many_requests', undefined, { retryAfter: Math.ceil(milliseconds / 1000) });
}
