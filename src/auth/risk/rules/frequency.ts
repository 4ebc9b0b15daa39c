import { complete, integer } from '../../common/options/checks.js';
import { duration } from '../../common/options/duration.js';
import { type RuleOptions, SimpleRule } from '../risk-rule.js';
import type { RiskSignals } from '../risk-signals.js';
import type { Verdict } from '../verdict.js';

/** The options of {@link RepeatWithin}. */
export interface RepeatWithinOptions extends RuleOptions {
  /** The shortest allowed time between two refreshes. `'1ms'` to `'1h'`. */
  time?: string;
}

/**
 * Applies if a refresh, or a repeat of one, comes too soon after the last one. The default is within one second, with
 * the verdict `alert`. Its reason code is `repeat_within`.
 *
 * @throws AuthConfigurationError for an invalid option
 * @example
 * new RepeatWithin({ time: '500ms', verdict: 'deny' });
 */
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

/** The options of {@link TooFrequent}. */
export interface TooFrequentOptions extends RuleOptions {
  /** How many refreshes one period allows. 1 to 1,000,000. */
  moreThan?: number;
  /** The length of a period. A period begins with a refresh. `'1s'` to `'30d'`. */
  per?: string;
}

/**
 * Applies if a session is refreshed more often than allowed in one period, counted across all instances. The default is
 * more than 300 in ten minutes, with the verdict `alert`. Its reason code is `too_frequent`. Only one rule of this kind is
 * allowed, because a session has one counter.
 *
 * @throws AuthConfigurationError for an invalid option
 * @example
 * new TooFrequent({ moreThan: 30, per: '10m', verdict: 'step_up' });
 */
export class TooFrequent extends SimpleRule {
  readonly reason = 'too_frequent';
  readonly moreThan: number;
  /** Milliseconds. */
  readonly per: number;

  constructor(given: TooFrequentOptions = {}) {
    const defaults = { verdict: 'alert' as Verdict, moreThan: 300, per: '10m' };
    const { verdict, moreThan, per } = complete('TooFrequent', defaults, given);
    super({ verdict });
    this.moreThan = integer(1, 1_000_000)('TooFrequent: moreThan', moreThan);
    this.per = duration('1s', '30d')('TooFrequent: per', per);
  }

  protected applies({ occasion, refreshesInPeriod }: RiskSignals): boolean {
    return occasion === 'refresh' && refreshesInPeriod > this.moreThan;
  }
}
