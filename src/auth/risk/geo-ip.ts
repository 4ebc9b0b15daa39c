/** A point on the earth, and how far from there the truth may be. */
export interface Location {
  /** Degrees. */
  readonly latitude: number;
  /** Degrees. */
  readonly longitude: number;
  /** Kilometres. */
  readonly radius: number;
}

/** Where an address is, as far as it is known. */
export interface Place {
  /** ISO 3166-1, two letters. */
  readonly country: string | null;
  /** ISO 3166-2, such as `'DE-BY'`; from the largest to the smallest. */
  readonly regions: readonly string[];
  /** The number of the autonomous system that announces the address. */
  readonly network: number | null;
  readonly location: Location | null;
}

/**
 * Says where an address is. `mmdbPlaces` of `nestjs-refresh-token/geoip` is one; another may ask a service, and what it
 * throws, or does not answer in time, is dealt with by the option `risk.whenPlacesFail`.
 *
 * @example
 * const places: PlaceProvider = { locate: async (ip) => placeOf(await lookup(ip)) };
 */
export interface PlaceProvider {
  /** @param ip a valid IPv4 or IPv6 address; a mapped IPv4 address comes as IPv4. `null`: nothing is known of it. */
  locate(ip: string): Place | null | Promise<Place | null>;
}

/**
 * `null` for `undefined`, too, which a host may well look up: else a fence would take it for an outage, and stand open.
 *
 * @throws TypeError for what is no place: a provider is the host's, and what it tells goes into the table
 */
export function soundPlace(place: Place | null | undefined): Place | null {
  if (place == null) return null;
  const { country, regions, network, location } = place;
  const sound =
    (country === null || /^[A-Z]{2}$/.test(country)) &&
    Array.isArray(regions) &&
    (network === null || (Number.isInteger(network) && network >= 0 && network < 2 ** 32)) &&
    (location === null || isLocation(location));
  if (!sound)
    throw new TypeError('a place must have a country of two letters or null, regions, a network and a location');
  return place;
}

function isLocation({ latitude, longitude, radius }: Location): boolean {
  const numbers = [latitude, longitude, radius].every((value) => Number.isFinite(value));
  return numbers && Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 && radius >= 0;
}
