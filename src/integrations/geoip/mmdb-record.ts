import { countryExtent } from '../../auth/risk/country-extents.js';
import type { GeoLocation, GeoIpRecord } from '../../auth/risk/geo-ip-provider.js';

/** The fields of a GeoIP database record that the library reads. Each vendor has its own names. */
export interface MmdbRecord {
  readonly country?: { readonly iso_code?: string } | string;
  readonly country_code?: string;
  readonly subdivisions?: readonly { readonly iso_code?: string }[];
  readonly location?: Coordinates;
  readonly latitude?: number | string;
  readonly longitude?: number | string;
  readonly autonomous_system_number?: number | string;
  readonly asn?: number | string;
}

interface Coordinates {
  readonly latitude?: number | string;
  readonly longitude?: number | string;
  /** Kilometres. */
  readonly accuracy_radius?: number;
}

/** Kilometres. The radius for a city if the database states none. */
const RADIUS_OF_A_CITY = 50;

/**
 * Merges the records of several databases into one place. For each field, the first record that has it wins. If no
 * record has coordinates, the centre of the country is used, with its extent as the radius. `null` if nothing is known.
 */
export function geoIpOfRecords(records: readonly MmdbRecord[]): GeoIpRecord | null {
  const country = firstOf(records, countryOf);
  const asn = firstOf(records, asnOf);
  const location = firstOf(records, locationOf) ?? (country === null ? null : (countryExtent(country) ?? null));
  if (country === null && asn === null && location === null) return null;
  return { country, regions: country === null ? [] : regionsOf(records, country), asn, location };
}

function firstOf<T>(records: readonly MmdbRecord[], read: (record: MmdbRecord) => T | null): T | null {
  for (const record of records) {
    const value = read(record);
    if (value !== null) return value;
  }
  return null;
}

function countryOf({ country, country_code: code }: MmdbRecord): string | null {
  const found = code ?? (typeof country === 'string' ? country : country?.iso_code);
  return found !== undefined && /^[A-Z]{2}$/.test(found) ? found : null;
}

/** Reads the number from a number, or from text in the form `AS15169`. */
function asnOf({ autonomous_system_number: number, asn }: MmdbRecord): number | null {
  const found = String(number ?? asn ?? '').replace(/^AS/, '');
  return /^\d{1,10}$/.test(found) ? Number(found) : null;
}

function locationOf(record: MmdbRecord): GeoLocation | null {
  const { latitude, longitude, accuracy_radius: radius = RADIUS_OF_A_CITY } = coordinatesOf(record);
  if (latitude === undefined || longitude === undefined || latitude === '' || longitude === '') return null;
  const location = { latitude: Number(latitude), longitude: Number(longitude), radius };
  const sound = Math.abs(location.latitude) <= 90 && Math.abs(location.longitude) <= 180 && radius >= 0;
  return sound ? location : null;
}

function coordinatesOf({ location, latitude, longitude }: MmdbRecord): Coordinates {
  return location ?? { latitude, longitude };
}

function regionsOf(records: readonly MmdbRecord[], country: string): string[] {
  const codes = records.flatMap(({ subdivisions }) => (subdivisions ?? []).map(({ iso_code: code }) => code));
  return codes.filter((code) => code !== undefined).map((code) => `${country}-${code}`);
}
