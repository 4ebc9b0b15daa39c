import { countryExtent, type Place, type RiskSignals, UserAgent } from 'nestjs-refresh-token';

export const HOUR = 3_600_000;
export const NOW = Date.UTC(2026, 0, 1);

/** A place known by its country alone, as most databases know it. */
export function inCountry(country: string, network: number | null = null): Place {
  return { country, regions: [], network, location: countryExtent(country) ?? null };
}

/** A place known by its coordinates. */
export function at(latitude: number, longitude: number, radius = 20, country: string | null = null): Place {
  return { country, regions: [], network: null, location: { latitude, longitude, radius } };
}

export interface Circumstances extends Partial<Omit<RiskSignals, 'last' | 'userAgent'>> {
  userAgent?: string;
  last?: { ip?: string; place?: Place | null; userAgent?: string; ago?: number } | undefined;
}

/** A refresh an hour after the last use, from nowhere in particular, but for what is given. */
export function signals({ userAgent, last = {}, ...given }: Circumstances = {}): RiskSignals {
  const { ip = null, place, userAgent: lastUserAgent, ago = HOUR } = last;
  const { country = null, network = null, location = null } = place ?? {};
  return {
    occasion: 'refresh',
    at: NOW,
    userId: 'user-alice',
    clientId: 'default',
    sessionId: '00000000-0000-4000-8000-000000000001',
    ip: null,
    place: null,
    placesFailed: false,
    userAgent: userAgent === undefined ? null : new UserAgent(userAgent),
    deviceChanged: false,
    keyProven: false,
    last: {
      ip,
      place: { country, network, location },
      locatedAt: NOW - ago,
      userAgent: lastUserAgent === undefined ? null : new UserAgent(lastUserAgent),
      at: NOW - ago,
    },
    sinceLastRefresh: ago,
    refreshesInWindow: 1,
    ...given,
  };
}
