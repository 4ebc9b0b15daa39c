import { countryExtent, type GeoIpRecord, type RiskSignals, UserAgent } from 'nestjs-refresh-token/risk';

export const HOUR = 3_600_000;
export const NOW = Date.UTC(2026, 0, 1);

/** A place known by its country alone, as most databases know it. */
export function inCountry(country: string, asn: number | null = null): GeoIpRecord {
  return { country, regions: [], asn, location: countryExtent(country) ?? null };
}

/** A place known by its coordinates. */
export function at(latitude: number, longitude: number, radius = 20, country: string | null = null): GeoIpRecord {
  return { country, regions: [], asn: null, location: { latitude, longitude, radius } };
}

export interface Circumstances extends Partial<Omit<RiskSignals, 'last' | 'userAgent'>> {
  userAgent?: string;
  last?: { ip?: string; geoIp?: GeoIpRecord | null; userAgent?: string; ago?: number } | undefined;
}

/** A refresh an hour after the last use, from nowhere in particular, but for what is given. */
export function signals({ userAgent, last = {}, ...given }: Circumstances = {}): RiskSignals {
  const { ip = null, geoIp, userAgent: lastUserAgent, ago = HOUR } = last;
  const { country = null, asn = null, location = null } = geoIp ?? {};
  return {
    occasion: 'refresh',
    at: NOW,
    userId: 'user-alice',
    clientId: 'default',
    sessionId: '00000000-0000-4000-8000-000000000001',
    ip: null,
    geoIp: null,
    geoIpFailed: false,
    userAgent: userAgent === undefined ? null : new UserAgent(userAgent),
    deviceChanged: false,
    keyProven: false,
    last: {
      ip,
      geoIp: { country, asn, location },
      locatedAt: NOW - ago,
      userAgent: lastUserAgent === undefined ? null : new UserAgent(lastUserAgent),
      at: NOW - ago,
    },
    sinceLastRefresh: ago,
    refreshesInPeriod: 1,
    ...given,
  };
}
