import { AuthConfigurationError } from '../common/errors/auth-error.js';
import type { GeoIpProvider } from './geo-ip.js';
import type { RiskRule } from './risk-rule.js';
import { TooFrequent } from './rules/frequency.js';
import type { Verdict } from './verdict.js';
import { complete, oneOf } from '../common/options/checks.js';
import { durationOption } from '../common/options/duration.js';

/** What sign-ins and refreshes are judged by. */
export class RiskOptions {
  /** The rules; the strictest verdict wins. The host's own, which inject, come by the extra `riskRules`. */
  rules: RiskRule[] = [];
  /** Says where an address is, for example `mmdbGeoIp({ path })`. Without it, rules that need GeoIP find nothing. */
  geoIp?: GeoIpProvider = undefined;
  /** How long GeoIP may take. `'1ms'` to `'10s'`. */
  geoIpTimeout = '100ms';
  /** What happens when GeoIP fails or is slow, and there are rules: any verdict except `revoke`. */
  onGeoIpFailure: Exclude<Verdict, 'revoke'> = 'allow';
  /** How long a rule may take. `'1ms'` to `'10s'`. */
  ruleTimeout = '1s';
  /** What happens when a rule throws or takes longer: any verdict except `revoke`. */
  onRuleFailure: Exclude<Verdict, 'revoke'> = 'alert';
}

const VERDICTS_OF_FAILURE: Exclude<Verdict, 'revoke'>[] = ['allow', 'alert', 'step_up', 'deny'];

export type ResolvedRisk = Omit<RiskOptions, 'geoIpTimeout' | 'ruleTimeout'> & {
  geoIpTimeout: number;
  ruleTimeout: number;
};

export function resolveRisk(given: Partial<RiskOptions> | undefined): ResolvedRisk {
  const { geoIp, rules, ...risk } = complete('risk', new RiskOptions(), given);
  assertRules('risk.rules', rules);
  return {
    rules,
    geoIp: geoIpOf(geoIp),
    geoIpTimeout: durationOption('risk.geoIpTimeout', risk.geoIpTimeout, '1ms', '10s'),
    onGeoIpFailure: oneOf('risk.onGeoIpFailure', risk.onGeoIpFailure, VERDICTS_OF_FAILURE),
    ruleTimeout: durationOption('risk.ruleTimeout', risk.ruleTimeout, '1ms', '10s'),
    onRuleFailure: oneOf('risk.onRuleFailure', risk.onRuleFailure, VERDICTS_OF_FAILURE),
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

function geoIpOf(geoIp: RiskOptions['geoIp']): RiskOptions['geoIp'] {
  if (geoIp === undefined || typeof geoIp?.locate === 'function') return geoIp;
  throw new AuthConfigurationError(
    "risk.geoIp must be a GeoIpProvider, such as mmdbGeoIp({ path: './country.mmdb' }).",
  );
}
