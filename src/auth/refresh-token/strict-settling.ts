import { Injectable } from '@nestjs/common';
import { Clock } from '../common/time/clock.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import { RefreshTokenStore } from '../session/refresh-token.store.js';
import { RefreshTokenConfig } from '../session/session-options.js';

/** Milliseconds. */
const SETTLING_TIME = 500;
/** Milliseconds after which the answer leaves in any case. */
const LONGEST_SETTLING_TIME = 5_000;

/**
 * With `grace: '0s'`, a rotation counts from when its answer leaves, and the answer waits until nobody has asked for a while.
 * Whoever asks before that cannot have seen the successor: a race, which is refused, and no reuse, which would end the
 * session. Sessions that are bound to a key have no such window, and no need to wait.
 */
@Injectable()
export class StrictSettling {
  constructor(
    private readonly store: RefreshTokenStore,
    private readonly clock: Clock,
    private readonly config: RefreshTokenConfig,
  ) {}

  /** Milliseconds from the rotation of a session to when it counts. */
  timeOf(keyBound: boolean): number {
    return this.config.grace === 0 && !keyBound ? SETTLING_TIME : 0;
  }

  /** Puts off the answer of the request that has won, as long as it has not left. */
  async postpone({ id, generation, rotatedAt, lastUsedAt }: RefreshToken): Promise<void> {
    const now = this.clock.now();
    if (this.config.grace > 0 || now >= rotatedAt) return;
    // The session was last used when it was rotated: the answer leaves in the end, however many still ask.
    const until = Math.min(now + SETTLING_TIME, lastUsedAt + LONGEST_SETTLING_TIME);
    if (until - rotatedAt > SETTLING_TIME / 2) await this.store.postponeRotation(id, generation, until);
  }

  /** Resolves when the rotation counts. */
  async settled({ id, rotatedAt }: RefreshToken): Promise<void> {
    let until: number | undefined = rotatedAt;
    while (until !== undefined && until > this.clock.now()) {
      await this.clock.sleep(until - this.clock.now());
      // The rotation is in the table. If it cannot be read again, the answer leaves all the same.
      until = (await this.store.find(id).catch(() => undefined))?.rotatedAt;
    }
  }
}
