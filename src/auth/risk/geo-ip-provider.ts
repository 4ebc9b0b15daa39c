/**
 * A point on the earth with a radius of uncertainty.
 *
 * @example
 * const berlin: GeoLocation = { latitude: 52.52, longitude: 13.4, radius: 20 };
 */
export interface GeoLocation {
  /** Degrees. */
  readonly latitude: number;
  /** Degrees. */
  readonly longitude: number;
  /** The uncertainty in kilometres: the true place is within this radius. */
  readonly radius: number;
}

/**
 * The GeoIP record of an address. `null` means unknown.
 *
 * @example
 * const record: GeoIpRecord = { country: 'DE', regions: ['DE-BY'], asn: 3320, location: null };
 */
export interface GeoIpRecord {
  /** The country's ISO 3166-1 code, two capital letters. */
  readonly country: string | null;
  /** ISO 3166-2 codes from the largest region to the smallest, for example `['DE-BY']`. */
  readonly regions: readonly string[];
  /** The number of the autonomous system that announces the address. */
  readonly asn: number | null;
  readonly location: GeoLocation | null;
}

/**
 * Locates an IP address. `mmdbGeoIp` of `nestjs-refresh-token/geoip` is one implementation. Your own may call a
 * service. If it throws or does not answer in time, the option `risk.onGeoIpFailure` decides.
 *
 * @example
 * const geoIp: GeoIpProvider = { locate: async (ip) => toRecord(await lookup(ip)) };
 */
export interface GeoIpProvider {
  /**
   * @param ip a valid IPv4 or IPv6 address; an IPv4-mapped address arrives as IPv4
   * @returns `null` if nothing is known of the address
   */
  locate(ip: string): GeoIpRecord | null | Promise<GeoIpRecord | null>;
}

/**
 * Checks a provider's record, because it is written to the table. `undefined` counts as `null`: otherwise a Geofence
 * would treat an unknown address as an outage and let it in.
 *
 * @throws TypeError if it is not a valid record
 */
export function checkedGeoIpRecord(geoIp: GeoIpRecord | null | undefined): GeoIpRecord | null {
  if (geoIp == null) return null;
  const { country, regions, asn, location } = geoIp;
  const sound =
    (country === null || /^[A-Z]{2}$/.test(country)) &&
    Array.isArray(regions) &&
    (asn === null || (Number.isInteger(asn) && asn >= 0 && asn < 2 ** 32)) &&
    (location === null || isLocation(location));
  if (!sound)
    throw new TypeError(
      'a GeoIP record needs: country (two capital letters or null), regions (an array), asn (a number or null), location (or null)',
    );
  return geoIp;
}

function isLocation({ latitude, longitude, radius }: GeoLocation): boolean {
  const numbers = [latitude, longitude, radius].every((value) => Number.isFinite(value));
  return numbers && Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 && radius >= 0;
}
