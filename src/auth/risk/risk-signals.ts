import type { GeoIpRecord } from './geo-ip-provider.js';
import type { UserAgent } from './user-agent.js';

/** What is being asked for. */
export type RiskOccasion =
  | 'sign_in'
  | 'refresh'
  /** The predecessor of the live token again, within the window. */
  | 'repeat'
  /** The user authenticates again: `alert` and `step_up` are satisfied by that. */
  | 'step_up';

/** Where and how the session was last used. */
export interface LastSeen {
  readonly ip: string | null;
  readonly geoIp: Omit<GeoIpRecord, 'regions'>;
  /** When the location was told; milliseconds since the Unix epoch. */
  readonly locatedAt: number;
  readonly userAgent: UserAgent | null;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

/** What the rules judge by. Nothing in it is of the client's own choosing but the user agent. */
export interface RiskSignals {
  readonly occasion: RiskOccasion;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  /** `undefined` before the credentials have been checked. */
  readonly userId: string | undefined;
  readonly clientId: string | undefined;
  /** `undefined` at a sign-in. */
  readonly sessionId: string | undefined;
  /** The address that the host's proxy trust yields. */
  readonly ip: string | null;
  /** `null` where nothing is known of the address. */
  readonly geoIp: GeoIpRecord | null;
  /** GeoIP failed: the option `risk.onGeoIpFailure` says what happens then. */
  readonly geoIpFailed: boolean;
  readonly userAgent: UserAgent | null;
  /** By the option `binding.fingerprint`: the device no longer looks like the one that signed in. */
  readonly deviceChanged: boolean;
  /** The session is bound to a key (DPoP, TLS), and whoever sends this has just proven it; not so at a sign-in. */
  readonly keyProven: boolean;
  /** `undefined` at a sign-in. */
  readonly last: LastSeen | undefined;
  /** Milliseconds since the session was last refreshed; `undefined` where it never was. */
  readonly sinceLastRefresh: number | undefined;
  /** Refreshes in the period of `TooFrequent`, on all instances, this one among them. */
  readonly refreshesInPeriod: number;
}
