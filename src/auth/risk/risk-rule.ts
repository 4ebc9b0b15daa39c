import { complete } from '../common/options/checks.js';
import type { RiskSignals } from './risk-signals.js';
import { type Verdict, verdictOption } from './verdict.js';

/**
 * Judges a sign-in or a refresh. The same signals are to yield the same verdict.
 *
 * @example
 * @Injectable()
 * class NightShift implements RiskRule {
 *   readonly reason = 'outside_hours';
 *   judge({ at }: RiskSignals): Verdict | undefined {
 *     return new Date(at).getUTCHours() < 5 ? 'alert' : undefined;
 *   }
 * }
 */
export interface RiskRule {
  /** Told in events: `new_country`, say. At most 64 characters. */
  readonly reason: string;
  /**
   * `undefined` is `allow`. What it throws, or takes too long for, is dealt with by `risk.onRuleFailure`. `step_up` takes a
   * `reauthenticate` of the `UserProvider`: without one, clients are told to sign in again (401 `invalid_grant`); the token is
   * not consumed then either.
   */
  judge(signals: RiskSignals): Verdict | undefined | Promise<Verdict | undefined>;
}

/** The injection token of the host's own rules; filled by the extra `riskRules`. */
export const RISK_RULES = Symbol('RISK_RULES');

/** What every rule of the library takes. */
export interface RuleOptions {
  verdict?: Verdict;
}

/** A rule that either applies or does not. */
export abstract class SimpleRule implements RiskRule {
  abstract readonly reason: string;
  readonly verdict: Verdict;

  /** @throws AuthConfigurationError for a verdict that there is not, and for an option that there is not */
  constructor(given: RuleOptions = {}) {
    const { name } = new.target;
    const { verdict } = complete(name, { verdict: 'alert' as Verdict }, given);
    this.verdict = verdictOption(`${name}: verdict`, verdict);
  }

  judge(signals: RiskSignals): Verdict | undefined {
    return this.applies(signals) ? this.verdict : undefined;
  }

  protected abstract applies(signals: RiskSignals): boolean;
}
