import type { GeoLocation } from './geo-ip-provider.js';

/** The mean radius of the earth in kilometres (IUGG). */
const EARTH_RADIUS = 6371;
const MILLISECONDS_PER_HOUR = 3_600_000;

/** Kilometres along the great circle, by the haversine formula. */
export function distanceBetween(a: GeoLocation, b: GeoLocation): number {
  const halfChord =
    haversine(a.latitude - b.latitude) +
    Math.cos(radians(a.latitude)) * Math.cos(radians(b.latitude)) * haversine(a.longitude - b.longitude);
  return 2 * EARTH_RADIUS * Math.asin(Math.min(1, Math.sqrt(halfChord)));
}

/** The least possible distance in kilometres: between the nearest edges of the two radii. */
export function leastDistance(a: GeoLocation, b: GeoLocation): number {
  return Math.max(0, distanceBetween(a, b) - a.radius - b.radius);
}

/**
 * The least possible speed in kilometres per hour. It is 0 for no distance, and infinite for a distance in no time.
 *
 * @param elapsed milliseconds
 */
export function leastSpeed(from: GeoLocation, to: GeoLocation, elapsed: number): number {
  const distance = leastDistance(from, to);
  if (distance === 0) return 0;
  return elapsed <= 0 ? Infinity : distance / (elapsed / MILLISECONDS_PER_HOUR);
}

function radians(degrees: number): number {
  return (degrees * Math.PI) / 180;
}

function haversine(degrees: number): number {
  return Math.sin(radians(degrees) / 2) ** 2;
}
