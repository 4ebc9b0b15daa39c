import { Injectable } from '@nestjs/common';
import { Clock } from '../common/time/clock.js';
import { StallWatch } from '../common/time/stall-watch.js';
import { RevocationFeed } from '../revocation/revocation-feed.js';
import type { RefreshToken } from '../session/refresh-token.entity.js';
import { RefreshTokenConfig } from '../session/session-options.js';
import type { RefreshLimits } from './refresh-rule.js';

/** The times and limits by which a refresh is judged. Faults of the server are no faults of the client. */
@Injectable()
export class RefreshTimes {
  constructor(
    private readonly clock: Clock,
    private readonly stalls: StallWatch,
    private readonly feed: RevocationFeed,
    private readonly config: RefreshTokenConfig,
  ) {}

  now(): number {
    return this.clock.now();
  }

  /** When a request arrived that is read now. It may have waited while the process stood still. */
  arrival(): number {
    return this.clock.now() - this.stalls.lag();
  }

  limitsOf({ windowStartedAt }: RefreshToken): RefreshLimits {
    const { idleTtl, grace, lateAnswers, onRepeatFromOtherDevice } = this.config;
    return {
      idleTtl,
      grace,
      lateAnswers,
      outage: this.feed.unreadableSince(windowStartedAt),
      otherDeviceIsReuse: onRepeatFromOtherDevice === 'reuse',
    };
  }
}
