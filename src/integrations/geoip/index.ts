export { mmdbGeoIp, MmdbGeoIpOptions } from './mmdb-geo-ip.js';
export { type MmdbRecord, geoIpOfRecords } from './mmdb-record.js';
