import { countryExtent, type Place, type PlaceProvider } from 'nestjs-refresh-token';

/** Addresses that are in no network (RFC 5737), and where the laboratory says that they are. */
export const ADDRESSES: Readonly<Record<string, string>> = {
  DE: '192.0.2.10',
  JP: '198.51.100.10',
  BR: '203.0.113.10',
};

/** Knows the addresses of the laboratory, and leaves all others to the places that are given. */
export function laboratoryPlaces(others?: PlaceProvider): PlaceProvider {
  return {
    locate(ip: string): ReturnType<PlaceProvider['locate']> {
      const found = Object.entries(ADDRESSES).find(([, address]) => address === ip);
      return found ? placeIn(found[0]) : (others?.locate(ip) ?? null);
    },
  };
}

function placeIn(country: string): Place {
  return { country, regions: [], network: null, location: countryExtent(country) ?? null };
}
