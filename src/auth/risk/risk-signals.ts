import type { GeoIpRecord } from './geo-ip-provider.js';
import type { UserAgent } from './user-agent.js';

/**
 * What the request asks for.
 *
 * @example
 * const isNew = (occasion: RiskOccasion) => occasion === 'sign_in';
 */
export type RiskOccasion =
  | 'sign_in'
  | 'refresh'
  /** A token that was replaced before is presented within its window. */
  | 'repeat'
  /**
   * A token that was replaced before, long after its window: a late retry of a use, or a late answer. People travel
   * meanwhile: another network is no sign of theft. Another country refuses it without any rule.
   */
  | 'late'
  /** The user authenticates again. That satisfies the verdicts `alert` and `step_up`. */
  | 'step_up';

/**
 * Where, when and with which client the session was last used.
 *
 * @example
 * const sameCountry = ({ last, geoIp }: RiskSignals) => last?.geoIp.country === geoIp?.country;
 */
export interface LastSeen {
  readonly ip: string | null;
  readonly geoIp: Omit<GeoIpRecord, 'regions'>;
  /** When the location was looked up, in milliseconds since the Unix epoch. */
  readonly locatedAt: number;
  readonly userAgent: UserAgent | null;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

/**
 * The input of the risk rules. The client chooses `clientId` at its sign-in, the user agent, and the headers that `deviceChanged`
 * compares. Do not rely on these alone.
 *
 * @example
 * const isAtNight = ({ at }: RiskSignals) => new Date(at).getUTCHours() < 5;
 */
export interface RiskSignals {
  readonly occasion: RiskOccasion;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  /** `undefined` before the credentials have been checked. */
  readonly userId: string | undefined;
  readonly clientId: string | undefined;
  /** `undefined` at a sign-in. */
  readonly sessionId: string | undefined;
  /** The client's address, as the application's `trust proxy` setting determines it. */
  readonly ip: string | null;
  /** `null` if nothing is known of the address. */
  readonly geoIp: GeoIpRecord | null;
  /** Whether the GeoIP provider failed. The option `risk.onGeoIpFailure` decides what happens then. */
  readonly geoIpFailed: boolean;
  readonly userAgent: UserAgent | null;
  /** Whether the device no longer looks like the one that signed in, according to the option `binding.fingerprint`. */
  readonly deviceChanged: boolean;
  /** Whether the session is bound to a key (DPoP or TLS), which this request has proven. `false` at a sign-in. */
  readonly keyProven: boolean;
  /** `undefined` at a sign-in. */
  readonly last: LastSeen | undefined;
  /** Milliseconds since the last refresh; `undefined` if the session was never refreshed. */
  readonly sinceLastRefresh: number | undefined;
  /** How many refreshes the current period of `TooFrequent` has on all instances, including this one. */
  readonly refreshesInPeriod: number;
}
