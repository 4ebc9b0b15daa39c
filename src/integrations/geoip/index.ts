export { mmdbPlaces, MmdbPlacesOptions } from './mmdb-geo-ip.js';
export { type MmdbRecord, placeOfRecords } from './mmdb-record.js';
