import fc from 'fast-check';
import { countryExtent, ImpossibleTravel, type GeoLocation } from 'nestjs-refresh-token/risk';
import { describe, expect, it } from 'vitest';
import { at, HOUR, signals } from '../support/signals.js';

const CITIES = {
  berlin: [52.52, 13.405],
  london: [51.507, -0.128],
  newYork: [40.713, -74.006],
  tokyo: [35.68, 139.69],
  sydney: [-33.869, 151.209],
  auckland: [-36.85, 174.76],
  papeete: [-17.54, -149.57],
} as const;
type City = keyof typeof CITIES;

/** Kilometres, as tables of distances have them. */
const distances: [City, City, number][] = [
  ['berlin', 'london', 932],
  ['london', 'newYork', 5570],
  ['tokyo', 'sydney', 7820],
  ['newYork', 'tokyo', 10_850],
  ['auckland', 'papeete', 4095], // over the date line
  ['sydney', 'london', 16_990],
];

/** Whether somebody can have travelled so, no faster than that. */
function isPossible(from: GeoLocation, to: GeoLocation, elapsed: number, fasterThan: number): boolean {
  const geoIp = (location: GeoLocation) => at(location.latitude, location.longitude, location.radius);
  const rule = new ImpossibleTravel({ fasterThan });
  return rule.judge(signals({ geoIp: geoIp(to), last: { geoIp: geoIp(from), ago: elapsed } })) === undefined;
}

const city = (name: City, radius = 0): GeoLocation => ({
  latitude: CITIES[name][0],
  longitude: CITIES[name][1],
  radius,
});

describe('travel between real places', () => {
  it.each(distances)('%s to %s takes a journey of %d km', (from, to, kilometres) => {
    expect(isPossible(city(from), city(to), HOUR, kilometres * 1.01)).toBe(true);
    expect(isPossible(city(from), city(to), HOUR, kilometres * 0.99)).toBe(false);
    expect(isPossible(city(to), city(from), HOUR, kilometres * 0.99)).toBe(false);
  });

  it('takes as much less as the places may be nearer to each other', () => {
    expect(isPossible(city('berlin', 100), city('london', 200), HOUR, 640)).toBe(true);
    expect(isPossible(city('berlin', 100), city('london', 200), HOUR, 620)).toBe(false);
    expect(isPossible(city('berlin', 500), city('london', 500), 0, 1)).toBe(true);
  });
});

describe('any journey', () => {
  const location = fc.record({
    latitude: fc.double({ min: -90, max: 90, noNaN: true }),
    longitude: fc.double({ min: -180, max: 180, noNaN: true }),
    radius: fc.integer({ min: 0, max: 3000 }),
  });

  it('is the same there and back; more time, more speed and less certainty make it no less possible', () => {
    fc.assert(
      fc.property(location, location, fc.integer({ min: 1, max: 100 * HOUR }), (from, to, elapsed) => {
        const possible = isPossible(from, to, elapsed, 1000);
        expect(isPossible(to, from, elapsed, 1000)).toBe(possible);
        if (!possible) return;
        expect(isPossible(from, to, elapsed * 2, 1000)).toBe(true);
        expect(isPossible(from, to, elapsed, 2000)).toBe(true);
        expect(isPossible(from, { ...to, radius: to.radius + 100 }, elapsed, 1000)).toBe(true);
      }),
    );
  });

  it('around half the earth is possible in a day', () => {
    fc.assert(fc.property(location, location, (from, to) => isPossible(from, to, 24 * HOUR, 1000)));
  });
});

describe('a country as a circle', () => {
  /** Inhabited places at the far ends of their countries. */
  const ends: [code: string, latitude: number, longitude: number][] = [
    ['DE', 54.9, 8.3], // Sylt
    ['DE', 47.4, 10.28], // Oberstdorf
    ['US', 21.3, -157.86], // Honolulu
    ['US', 25.76, -80.19], // Miami
    ['US', 71.29, -156.79], // Utqiagvik
    ['AU', -31.95, 115.86], // Perth
    ['AU', -42.88, 147.33], // Hobart
    ['JP', 26.21, 127.68], // Naha
    ['RU', 43.12, 131.89], // Vladivostok
    ['RU', 54.71, 20.45], // Kaliningrad
    ['NZ', -46.41, 168.35], // Invercargill
    ['CL', -53.16, -70.91], // Punta Arenas
  ];

  it.each(ends)('%s holds %d, %d', (code, latitude, longitude) => {
    expect(isPossible(countryExtent(code)!, { latitude, longitude, radius: 0 }, 0, 1)).toBe(true);
  });

  it('is known for every code, and no larger than it need be', () => {
    for (const code of ['DE', 'FR', 'GB', 'JP', 'BR', 'ZA', 'IN', 'SG', 'GF', 'XK']) {
      const extent = countryExtent(code)!;
      expect(extent.radius, code).toBeGreaterThan(0);
      expect(extent.radius, code).toBeLessThan(5_000);
    }
    expect(countryExtent('FR')!.radius).toBeLessThan(1_000); // its departments overseas have codes of their own
    expect(countryExtent('ZZ')).toBeUndefined();
  });

  it('makes a sign-in in the one and a refresh in the other impossible where they lie far apart', () => {
    const possible = (from: string, to: string, hours: number) =>
      isPossible(countryExtent(from)!, countryExtent(to)!, hours * HOUR, 1000);
    expect(possible('US', 'AU', 1 / 3600)).toBe(false);
    expect(possible('US', 'AU', 24)).toBe(true);
    expect(possible('DE', 'JP', 2)).toBe(false);
    expect(possible('US', 'CA', 0)).toBe(true);
  });
});
