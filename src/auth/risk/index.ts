// `nestjs-refresh-token/risk`: the rules that judge sign-ins and refreshes, and the types to write your own rules.
export { RiskOptions } from './risk-options.js';
export type { RiskRule, RuleOptions } from './risk-rule.js';
export type { LastSeen, RiskOccasion, RiskSignals } from './risk-signals.js';
export { UserAgent } from './user-agent.js';
export { type Assessment, type Finding, strictest, type Verdict } from './verdict.js';
export {
  ChangedFingerprint,
  ChangedUserAgent,
  NewAsn,
  NewCountry,
  NewIp,
  RepeatFromElsewhere,
} from './rules/changes.js';
export { RepeatWithin, type RepeatWithinOptions, TooFrequent, type TooFrequentOptions } from './rules/frequency.js';
export { type FenceLists, Geofence, type GeofenceOptions } from './rules/geofence.js';
export { ImpossibleTravel, type ImpossibleTravelOptions } from './rules/impossible-travel.js';
export type { GeoIpProvider, GeoIpRecord, GeoLocation } from './geo-ip-provider.js';
export { type CountryExtent, countryExtent } from './country-extents.js';
