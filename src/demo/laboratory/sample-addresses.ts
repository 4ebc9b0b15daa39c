import type { GeoIpProvider } from 'nestjs-refresh-token/risk';
import { geoIpRecordOf } from '../geo-ip.js';

/** Documentation addresses (RFC 5737) and the countries that the laboratory gives them. */
export const ADDRESSES: Readonly<Record<string, string>> = {
  DE: '192.0.2.10',
  JP: '198.51.100.10',
  BR: '203.0.113.10',
};

/** Locates the laboratory's addresses, and leaves all others to the given provider. */
export function laboratoryGeoIp(others?: GeoIpProvider): GeoIpProvider {
  return {
    locate(ip: string): ReturnType<GeoIpProvider['locate']> {
      const found = Object.entries(ADDRESSES).find(([, address]) => address === ip);
      return found ? geoIpRecordOf(found[0]) : (others?.locate(ip) ?? null);
    },
  };
}
