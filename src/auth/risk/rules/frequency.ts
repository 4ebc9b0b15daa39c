import { complete, integer } from '../../common/options/checks.js';
import { duration } from '../../common/options/duration.js';
import { type RuleOptions, SimpleRule } from '../risk-rule.js';
import type { RiskSignals } from '../risk-signals.js';
import type { Verdict } from '../verdict.js';

/** What {@link RepeatWithin} takes. */
export interface RepeatWithinOptions extends RuleOptions {
  /** `'1ms'` to `'1h'`. */
  time?: string;
}

/** A refresh, or a repeat of one, too soon after the last: by default within a second. */
export class RepeatWithin extends SimpleRule {
  readonly reason = 'repeat_within';
  /** Milliseconds. */
  readonly time: number;

  constructor(given: RepeatWithinOptions = {}) {
    const { verdict, time } = complete('RepeatWithin', { verdict: 'alert' as Verdict, time: '1s' }, given);
    super({ verdict });
    this.time = duration('1ms', '1h')('RepeatWithin: time', time);
  }

  protected applies({ occasion, sinceLastRefresh }: RiskSignals): boolean {
    return occasion !== 'step_up' && sinceLastRefresh !== undefined && sinceLastRefresh < this.time;
  }
}

/** What {@link TooFrequent} takes. */
export interface TooFrequentOptions extends RuleOptions {
  /** Refreshes in the period. 1 to 1,000,000. */
  moreThan?: number;
  /** The length of the period, which begins with a refresh. `'1s'` to `'30d'`. */
  per?: string;
}

/**
 * More refreshes of a session than allowed in one period, counted across all instances: by default more than 60 an hour.
 * Only one rule of this kind is allowed, because a session has one counter.
 */
export class TooFrequent extends SimpleRule {
  readonly reason = 'too_frequent';
  readonly moreThan: number;
  /** Milliseconds. */
  readonly per: number;

  constructor(given: TooFrequentOptions = {}) {
    const defaults = { verdict: 'alert' as Verdict, moreThan: 60, per: '1h' };
    const { verdict, moreThan, per } = complete('TooFrequent', defaults, given);
    super({ verdict });
    this.moreThan = integer(1, 1_000_000)('TooFrequent: moreThan', moreThan);
    this.per = duration('1s', '30d')('TooFrequent: per', per);
  }

  protected applies({ occasion, refreshesInPeriod }: RiskSignals): boolean {
    return occasion === 'refresh' && refreshesInPeriod > this.moreThan;
  }
}
