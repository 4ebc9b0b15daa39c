import { AuthConfigurationError } from '../common/errors/auth-error.js';
import type { PlaceProvider } from './geo-ip.js';
import type { RiskRule } from './risk-rule.js';
import { TooFrequent } from './rules/frequency.js';
import type { Verdict } from './verdict.js';
import { complete, oneOf } from '../common/options/checks.js';
import { durationOption } from '../common/options/duration.js';

/** What sign-ins and refreshes are judged by. */
export class RiskOptions {
  /** The rules; the strictest verdict wins. The host's own, which inject, come by the extra `riskRules`. */
  rules: RiskRule[] = [];
  /** Says where addresses are, such as `mmdbPlaces({ path })`. Without it, rules about places find nothing. */
  places?: PlaceProvider = undefined;
  /** How long the places may take. `'1ms'` to `'10s'`. */
  placesTimeout = '100ms';
  /** What is done where the places are missing, broken or slow, and there are rules: a verdict but `revoke`. */
  whenPlacesFail: Exclude<Verdict, 'revoke'> = 'allow';
  /** How long a rule may take. `'1ms'` to `'10s'`. */
  ruleTimeout = '1s';
  /** What is done where a rule throws, or takes longer: a verdict but `revoke`. */
  whenRuleFails: Exclude<Verdict, 'revoke'> = 'alert';
}

const VERDICTS_OF_FAILURE: Exclude<Verdict, 'revoke'>[] = ['allow', 'alert', 'step_up', 'deny'];

export type ResolvedRisk = Omit<RiskOptions, 'placesTimeout' | 'ruleTimeout'> & {
  placesTimeout: number;
  ruleTimeout: number;
};

export function resolveRisk(given: Partial<RiskOptions> | undefined): ResolvedRisk {
  const { places, rules, ...risk } = complete('risk', new RiskOptions(), given);
  assertRules('risk.rules', rules);
  return {
    rules,
    places: placesOf(places),
    placesTimeout: durationOption('risk.placesTimeout', risk.placesTimeout, '1ms', '10s'),
    whenPlacesFail: oneOf('risk.whenPlacesFail', risk.whenPlacesFail, VERDICTS_OF_FAILURE),
    ruleTimeout: durationOption('risk.ruleTimeout', risk.ruleTimeout, '1ms', '10s'),
    whenRuleFails: oneOf('risk.whenRuleFails', risk.whenRuleFails, VERDICTS_OF_FAILURE),
  };
}

const LONGEST_REASON = 64;

/** @throws AuthConfigurationError for what is no rule, and for two that count in the same columns */
export function assertRules(name: string, rules: unknown): asserts rules is RiskRule[] {
  const sound = Array.isArray(rules) && rules.every(isRule);
  if (!sound) {
    throw new AuthConfigurationError(
      `${name} must be a list of rules, such as [new NewCountry(), new ImpossibleTravel()]: objects with a reason of at most ${LONGEST_REASON} characters and a method judge.`,
    );
  }
  if (rules.filter((rule) => rule instanceof TooFrequent).length > 1) {
    throw new AuthConfigurationError(
      `${name}: there can be one TooFrequent, for the row counts once. Remove the others.`,
    );
  }
}

function isRule(rule: Partial<RiskRule> | null | undefined): boolean {
  const reason: unknown = rule?.reason;
  return (
    typeof reason === 'string' && reason !== '' && reason.length <= LONGEST_REASON && typeof rule?.judge === 'function'
  );
}

function placesOf(places: RiskOptions['places']): RiskOptions['places'] {
  if (places === undefined || typeof places?.locate === 'function') return places;
  throw new AuthConfigurationError(
    "risk.places must be a PlaceProvider, such as mmdbPlaces({ path: './country.mmdb' }).",
  );
}
