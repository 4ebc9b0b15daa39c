import type { GeoLocation } from './geo-ip-provider.js';

const FORM = /^geo:(-?\d+(?:\.\d+)?),(-?\d+(?:\.\d+)?);u=(\d+);t=(\d+)$/;

/**
 * Writes a location into one column: a geo URI (RFC 5870) with its uncertainty in metres and the time of the lookup.
 *
 * @param at time of the lookup, in milliseconds since the Unix epoch
 */
export function toGeoUri({ latitude, longitude, radius }: GeoLocation, at: number): string {
  return `geo:${degrees(latitude)},${degrees(longitude)};u=${Math.round(radius * 1000)};t=${at}`;
}

/** Reads a location back. `null` if the text is not such a URI. */
export function fromGeoUri(uri: string | null): { location: GeoLocation; at: number } | null {
  const match = uri === null ? null : FORM.exec(uri);
  if (!match) return null;
  const [latitude, longitude, metres, at] = match.slice(1).map(Number);
  return { location: { latitude, longitude, radius: metres / 1000 }, at };
}

/** Four decimals are eleven metres; GeoIP is never more exact. The form has no exponents and no negative zero. */
function degrees(value: number): string {
  return String(Number(value.toFixed(4)) || 0);
}
