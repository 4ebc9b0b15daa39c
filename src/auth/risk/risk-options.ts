import { AuthConfigurationError } from '../common/errors/auth-error.js';
import { oneOf } from '../common/options/checks.js';
import { configOf } from '../common/options/config.js';
import { duration } from '../common/options/duration.js';
import type { GeoIpProvider } from './geo-ip-provider.js';
import type { RiskRule } from './risk-rule.js';
import { TooFrequent } from './rules/frequency.js';
import type { Verdict } from './verdict.js';

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

const verdictOnFailure = oneOf('allow', 'alert', 'step_up', 'deny');

export class RiskConfig extends configOf('risk.', RiskOptions, {
  rules: checkedRules,
  geoIp: checkedGeoIp,
  geoIpTimeout: duration('1ms', '10s'),
  onGeoIpFailure: verdictOnFailure,
  ruleTimeout: duration('1ms', '10s'),
  onRuleFailure: verdictOnFailure,
}) {}

const LONGEST_REASON = 64;

/** @throws AuthConfigurationError for anything but rules, and for two that count in the same columns */
export function checkedRules(name: string, rules: RiskRule[]): RiskRule[] {
  if (!Array.isArray(rules) || !rules.every(isRule)) {
    throw new AuthConfigurationError(
      `${name} must be a list of rules, such as [new NewCountry(), new ImpossibleTravel()]: objects with a reason of at most ${LONGEST_REASON} characters and a method judge.`,
    );
  }
  if (rules.filter((rule) => rule instanceof TooFrequent).length > 1) {
    throw new AuthConfigurationError(
      `${name}: only one TooFrequent is allowed, because a session has one counter. Remove the others.`,
    );
  }
  return rules;
}

function isRule(rule: Partial<RiskRule> | null | undefined): boolean {
  const reason: unknown = rule?.reason;
  return (
    typeof reason === 'string' && reason !== '' && reason.length <= LONGEST_REASON && typeof rule?.judge === 'function'
  );
}

function checkedGeoIp(name: string, provider: GeoIpProvider | undefined): GeoIpProvider | undefined {
  if (provider === undefined || typeof provider?.locate === 'function') return provider;
  throw new AuthConfigurationError(`${name} must be a GeoIpProvider, such as mmdbGeoIp({ path: './country.mmdb' }).`);
}
