// `nestjs-refresh-token/geoip`: the places of addresses, from files in the MaxMind DB format.
export { mmdbGeoIp, MmdbGeoIpOptions } from './mmdb-geo-ip.js';
export { type MmdbRecord, geoIpOfRecords } from './mmdb-record.js';
