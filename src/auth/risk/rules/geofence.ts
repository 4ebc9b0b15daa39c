import { AuthConfigurationError } from '../../common/errors/auth-error.js';
import { complete, texts } from '../../common/options/checks.js';
import { AddressRanges } from '../../common/request/address-ranges.js';
import { countryExtent } from '../country-extents.js';
import type { RiskRule } from '../risk-rule.js';
import type { RiskSignals } from '../risk-signals.js';
import type { Verdict } from '../verdict.js';

/**
 * The lists of a fence. An entry is one of:
 *
 * - a country: `'DE'`
 * - a region: `'DE-BY'`
 * - an autonomous system: `'AS15169'`
 * - an address or a range: `'192.0.2.0/24'`, `'2001:db8::1'`, `'loopback'`, `'uniquelocal'`
 *
 * @example
 * const lists: FenceLists = { allow: ['DE', '10.0.0.0/8'], deny: ['AS64496'] };
 */
export interface FenceLists {
  /**
   * Only these may sign in and refresh. An address about which nothing is known may not. While GeoIP fails,
   * `risk.onGeoIpFailure` decides.
   */
  allow?: readonly string[];
  /** These may not, even if `allow` contains them. */
  deny?: readonly string[];
}

/** The options of {@link Geofence}. */
export interface GeofenceOptions extends FenceLists {
  /** The lists of one user, in addition to those for all users. Called at each sign-in and refresh of that user. */
  forUser?: (userId: string) => FenceLists | undefined | Promise<FenceLists | undefined>;
}

const NO_LISTS: FenceLists = { allow: undefined, deny: undefined };

/**
 * Allows signing in and refreshing only from some places. Elsewhere the response is 403 `region_not_allowed`, and the
 * refresh token is not consumed.
 *
 * @example
 * new Geofence({ allow: ['DE', 'AT', '10.0.0.0/8'], deny: ['AS64496'] })
 */
export class Geofence implements RiskRule {
  readonly reason = 'region_not_allowed';
  private readonly forAll: Fence;
  private readonly forUser: GeofenceOptions['forUser'];

  /** @throws AuthConfigurationError for an invalid entry or an unknown option */
  constructor(given: GeofenceOptions) {
    const { forUser, ...lists } = complete<GeofenceOptions>('Geofence', { ...NO_LISTS, forUser: undefined }, given);
    if (forUser !== undefined && typeof forUser !== 'function') {
      throw new AuthConfigurationError(
        'Geofence: forUser must be a function that takes the user id and returns { allow, deny }.',
      );
    }
    this.forAll = new Fence(lists);
    this.forUser = forUser;
  }

  judge(signals: RiskSignals): Verdict | undefined | Promise<Verdict | undefined> {
    if (!this.forAll.lets(signals)) return 'deny';
    return this.forUser && signals.userId !== undefined ? this.judgeForUser(signals, signals.userId) : undefined;
  }

  private async judgeForUser(signals: RiskSignals, userId: string): Promise<Verdict | undefined> {
    const lists = await this.forUser!(userId);
    if (!lists) return undefined;
    // The lists are often a database row: it may have further columns, and `null` for an empty list.
    const fence = new Fence({ allow: lists.allow ?? undefined, deny: lists.deny ?? undefined });
    return fence.lets(signals) ? undefined : 'deny';
  }
}

class Fence {
  private readonly allow: Area | undefined;
  private readonly deny: Area;

  constructor({ allow, deny = [] }: FenceLists) {
    this.allow = allow === undefined ? undefined : new Area('allow', allow);
    this.deny = new Area('deny', deny);
  }

  lets(signals: RiskSignals): boolean {
    if (this.deny.has(signals)) return false;
    // While GeoIP fails, only entries for addresses can be checked.
    return this.allow === undefined || this.allow.has(signals) || signals.geoIpFailed;
  }
}

const COUNTRY_OR_REGION = /^[A-Z]{2}(-[A-Z0-9]{1,3})?$/;
const ASN = /^AS(\d{1,10})$/;
/** Autonomous system numbers have 32 bits (RFC 6793). */
const LAST_ASN = 2 ** 32 - 1;

class Area {
  private readonly codes = new Set<string>();
  private readonly asns = new Set<number>();
  private readonly ranges: AddressRanges;

  constructor(name: string, given: readonly string[]) {
    const where = `Geofence: ${name}`;
    const ranges: string[] = [];
    for (const entry of texts('DE')(where, given)) {
      const asn = ASN.exec(entry);
      if (asn) this.asns.add(asnOf(where, asn));
      else if (COUNTRY_OR_REGION.test(entry)) this.codes.add(codeOf(where, entry));
      else ranges.push(entry);
    }
    try {
      this.ranges = new AddressRanges(ranges);
    } catch (error) {
      throw new AuthConfigurationError(
        `${where}: ${(error as Error).message}. It is not a country ('DE'), a region ('DE-BY') or an autonomous system ('AS15169') either.`,
      );
    }
  }

  has({ ip, geoIp }: RiskSignals): boolean {
    if (ip !== null && this.ranges.contains(ip)) return true;
    if (!geoIp) return false;
    const { country, regions, asn } = geoIp;
    if (country !== null && this.codes.has(country)) return true;
    return regions.some((region) => this.codes.has(region)) || (asn !== null && this.asns.has(asn));
  }
}

function asnOf(where: string, [entry, digits]: RegExpExecArray): number {
  const asn = Number(digits);
  if (asn <= LAST_ASN) return asn;
  throw new AuthConfigurationError(`${where}: '${entry}' is not an autonomous system: the highest is AS${LAST_ASN}.`);
}

/** An unknown code would match nothing, and that would stay unnoticed: for example `UK` instead of `GB`. */
function codeOf(where: string, entry: string): string {
  const country = entry.slice(0, 2);
  if (countryExtent(country)) return entry;
  throw new AuthConfigurationError(
    `${where}: '${entry}': there is no country ${country}. Write an ISO 3166-1 code, for example 'GB' or 'GR'. A region begins with one.`,
  );
}
