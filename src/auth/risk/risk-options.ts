import { AuthConfigurationError } from '../common/errors/auth-error.js';
import { oneOf } from '../common/options/checks.js';
import { configOf } from '../common/options/config.js';
import { duration } from '../common/options/duration.js';
import type { GeoIpProvider } from './geo-ip-provider.js';
import type { RiskRule } from './risk-rule.js';
import { TooFrequent } from './rules/frequency.js';
import type { Verdict } from './verdict.js';

/** The rules that judge sign-ins and refreshes. */
export class RiskOptions {
  /**
   * The rules. The strictest verdict wins. For rules of your own that inject services, use the extra `riskRules`.
   *
   * @example
   * AuthModule.forRoot({ ...authOptions, risk: { rules: [new ChangedUserAgent(), new TooFrequent({ verdict: 'deny' })] } });
   */
  rules: RiskRule[] = [];
  /**
   * Finds the place of an address: for example `mmdbGeoIp({ path })`. Without it, rules that need a place never apply.
   *
   * @example
   * AuthModule.forRoot({
   *   ...authOptions,
   *   risk: { geoIp: mmdbGeoIp({ path: './GeoLite2-City.mmdb' }), rules: [new NewCountry()] },
   * });
   */
  geoIp?: GeoIpProvider = undefined;
  /** How long a GeoIP lookup may take. */
  geoIpTimeout = '100ms';
  /** The verdict when the lookup fails or takes longer: `'allow'`, `'alert'`, `'step_up'` or `'deny'`. It applies only if there are rules. */
  onGeoIpFailure: Exclude<Verdict, 'revoke'> = 'allow';
  /** How long a rule may take. */
  ruleTimeout = '1s';
  /** The verdict when a rule throws or takes longer: `'allow'`, `'alert'`, `'step_up'` or `'deny'`. */
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
      `${name} must be a list of rules, for example [new NewCountry(), new ImpossibleTravel()]. A rule has a reason of at most ${LONGEST_REASON} characters and a method judge.`,
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
  throw new AuthConfigurationError(
    `${name} must be a GeoIpProvider, for example mmdbGeoIp({ path: './country.mmdb' }).`,
  );
}
