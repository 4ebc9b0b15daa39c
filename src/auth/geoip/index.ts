export { mmdbPlaces, MmdbPlacesOptions } from './mmdb-places.js';
export { type MmdbRecord, placeOfRecords } from './mmdb-record.js';
