import { createRequire } from 'node:module';
import { mmdbGeoIp } from 'nestjs-refresh-token/geoip';
import type { GeoIpProvider } from 'nestjs-refresh-token/risk';

/** Countries, by the registries of addresses (CC BY 4.0, NRO). */
const BUNDLED = '@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb';

/** The databases that were configured, or else the one that is installed with the demo. */
export function geoIpOf(configured: string[] | undefined): GeoIpProvider {
  return mmdbGeoIp({ path: configured ?? createRequire(import.meta.url).resolve(BUNDLED) });
}
