import { complete } from '../common/options/checks.js';
import type { RiskSignals } from './risk-signals.js';
import { type Verdict, verdictOption } from './verdict.js';

/**
 * Judges a sign-in or a refresh. The same signals must yield the same verdict.
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
  /** The reason code in events, for example `new_country`. At most 64 characters. */
  readonly reason: string;
  /**
   * Returns the verdict; `undefined` means `allow`. If it throws or takes longer than `risk.ruleTimeout`,
   * `risk.onRuleFailure` is the verdict.
   *
   * `step_up` needs `reauthenticate` in the `UserProvider`. Without it, clients must sign in again (401
   * `invalid_grant`). The refresh token is not consumed in either case.
   */
  judge(signals: RiskSignals): Verdict | undefined | Promise<Verdict | undefined>;
}

/** The injection token of the rules that the extra `riskRules` adds. */
export const RISK_RULES = Symbol('RISK_RULES');

/**
 * The options that every built-in rule has.
 *
 * @example
 * new NewCountry({ verdict: 'step_up' });
 */
export interface RuleOptions {
  /** The verdict if the rule applies. */
  verdict?: Verdict;
}

/** A rule with one fixed verdict: it either applies or does not. */
export abstract class SimpleRule implements RiskRule {
  abstract readonly reason: string;
  readonly verdict: Verdict;

  /** @throws AuthConfigurationError for an unknown verdict or an unknown option */
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
