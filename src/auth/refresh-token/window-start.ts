import { Injectable } from '@nestjs/common';
import { Clock } from '../common/time/clock.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import { RefreshTokenStore } from '../session/refresh-token.store.js';
import { RefreshTokenConfig } from '../session/session-options.js';

/** Milliseconds without further requests after which a rotation counts. */
const SETTLING_TIME = 500;
/** Milliseconds after which a commit is slow. */
const SLOW_COMMIT = 1_000;
/** The longest time in milliseconds that a response waits. */
const LONGEST_SETTLING_TIME = 5_000;

/**
 * Says when the window of a rotation starts: when its answer can leave.
 *
 * With `grace: '0s'` the response waits until no further request has presented the predecessor for a while.
 * A request before that moment cannot have seen the successor. It is a race and is refused; it is not reuse, which
 * would end the session. Sessions that are bound to a key do not wait, because their predecessor needs the key.
 */
@Injectable()
export class WindowStart {
  constructor(
    private readonly store: RefreshTokenStore,
    private readonly clock: Clock,
    private readonly config: RefreshTokenConfig,
  ) {}

  /** How many milliseconds after the rotation it counts. */
  timeOf(keyBound: boolean): number {
    return this.config.grace === 0 && !keyBound ? SETTLING_TIME : 0;
  }

  /**
   * Nobody can have had the answer before the commit. So the window of a slow rotation starts again, for all tokens of
   * its burst.
   *
   * @param took milliseconds that the write took
   */
  async committed({ id, generation, windowGeneration }: RefreshToken, took: number): Promise<void> {
    if (took <= SLOW_COMMIT) return;
    const window = { generation, windowGeneration, windowStartedAt: this.clock.now() };
    // The rotation is already in the table. Without this write the window is only shorter.
    await this.store.postponeWindow(id, window).catch(() => undefined);
  }

  /** Delays the response of the request that won the race, unless that response has already left. */
  async postpone({ id, lastUsedAt, ...window }: RefreshToken): Promise<void> {
    const now = this.clock.now();
    if (this.config.grace > 0 || now >= window.windowStartedAt) return;
    // `lastUsedAt` is the time of the rotation. So the response leaves eventually, however many requests arrive.
    const until = Math.min(now + SETTLING_TIME, lastUsedAt + LONGEST_SETTLING_TIME);
    if (until - window.windowStartedAt <= SETTLING_TIME / 2) return;
    await this.store.postponeWindow(id, { ...window, windowStartedAt: until });
  }

  /** Resolves when the rotation counts. */
  async settled({ id, windowStartedAt }: RefreshToken): Promise<void> {
    let until: number | undefined = windowStartedAt;
    while (until !== undefined && until > this.clock.now()) {
      await this.clock.sleep(until - this.clock.now());
      // The rotation is already in the table. If the row cannot be read again, the response leaves anyway.
      until = (await this.store.find(id).catch(() => undefined))?.windowStartedAt;
    }
  }
}
