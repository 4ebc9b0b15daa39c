/** A point on the earth, and how far from there the truth may be. */
export interface GeoLocation {
  /** Degrees. */
  readonly latitude: number;
  /** Degrees. */
  readonly longitude: number;
  /** Kilometres. */
  readonly radius: number;
}

/** What GeoIP tells of an address. */
export interface GeoIpRecord {
  /** ISO 3166-1, two letters. */
  readonly country: string | null;
  /** ISO 3166-2, such as `'DE-BY'`; from the largest to the smallest. */
  readonly regions: readonly string[];
  /** The number of the autonomous system that announces the address. */
  readonly asn: number | null;
  readonly location: GeoLocation | null;
}

/**
 * Says where an address is. `mmdbGeoIp` of `nestjs-refresh-token/geoip` is one; another may ask a service, and what it
 * throws, or does not answer in time, is dealt with by the option `risk.onGeoIpFailure`.
 *
 * @example
 * const geoIp: GeoIpProvider = { locate: async (ip) => toRecord(await lookup(ip)) };
 */
export interface GeoIpProvider {
  /** @param ip a valid IPv4 or IPv6 address; a mapped IPv4 address comes as IPv4. `null`: nothing is known of it. */
  locate(ip: string): GeoIpRecord | null | Promise<GeoIpRecord | null>;
}

/**
 * `null` for `undefined`, too, which a host may well look up: else a fence would take it for an outage, and stand open.
 *
 * @throws TypeError for anything but a record: the provider is the host's, and its answer goes into the table
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
    throw new TypeError('a GeoIP record must have a country of two letters or null, regions, an asn and a location');
  return geoIp;
}

function isLocation({ latitude, longitude, radius }: GeoLocation): boolean {
  const numbers = [latitude, longitude, radius].every((value) => Number.isFinite(value));
  return numbers && Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 && radius >= 0;
}
