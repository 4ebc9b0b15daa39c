import type { RefreshToken } from '../session/refresh-token.entity.js';
import { fromGeoUri, toGeoUri } from './geo-uri.js';
import type { LocatedClient } from './risk-assessor.js';
import type { LastSeen, RiskOccasion, RiskSignals } from './risk-signals.js';
import { UserAgent } from './user-agent.js';

/** The columns that remember where a session was last used, and how often it was refreshed. */
export type SeenColumns = Pick<RefreshToken, 'country' | 'asn' | 'location' | 'rateStartedAt' | 'rateCount'>;

/** The values of these columns after a sign-in. */
export function firstSeen({ client, geoIp }: LocatedClient, now: number): SeenColumns {
  return {
    country: client.country ?? null,
    asn: geoIp?.asn ?? null,
    location: geoIp?.location ? toGeoUri(geoIp.location, now) : null,
    rateStartedAt: 0,
    rateCount: 0,
  };
}

/**
 * The values of these columns after a rotation. If nothing is known of an address, the previous place stays. Otherwise
 * a client could erase it by using such an address. After a new authentication, the new place always replaces the old
 * one.
 *
 * @param per length of the period in milliseconds in which refreshes are counted; `undefined` if they are not
 * @param afresh whether the user has just authenticated again
 */
export function seenAgain(
  session: RefreshToken,
  located: LocatedClient,
  now: number,
  per: number | undefined,
  afresh: boolean,
): SeenColumns {
  if (afresh) return { ...firstSeen(located, now), rateStartedAt: now };
  const { geoIp } = located;
  return {
    country: geoIp?.country ?? session.country,
    asn: geoIp?.asn ?? session.asn,
    location: geoIp?.location ? toGeoUri(geoIp.location, now) : session.location,
    ...countAfter(session, now, per),
  };
}

/** The signals of a request for an existing session. */
export function signalsOf(
  occasion: RiskOccasion,
  session: RefreshToken,
  { client, geoIp, geoIpFailed }: LocatedClient,
  at: number,
  per: number | undefined,
  { deviceChanged, keyProven }: Pick<RiskSignals, 'deviceChanged' | 'keyProven'>,
): RiskSignals {
  const counted = occasion === 'refresh' ? countAfter(session, at, per) : session;
  return {
    occasion,
    at,
    userId: session.userId,
    clientId: session.clientId,
    sessionId: session.id,
    ip: client.ip ?? null,
    geoIp,
    geoIpFailed,
    userAgent: userAgentOf(client.userAgent),
    deviceChanged,
    keyProven,
    last: lastSeenOf(session),
    sinceLastRefresh: session.generation > 0 ? at - session.lastUsedAt : undefined,
    refreshesInPeriod: counted.rateCount,
  };
}

/** The signals of a sign-in. There is no last use to compare with. */
export function signInSignals(
  { client, geoIp, geoIpFailed }: LocatedClient,
  at: number,
  userId: string | undefined,
  clientId: string | undefined,
): RiskSignals {
  return {
    occasion: 'sign_in',
    at,
    userId,
    clientId,
    sessionId: undefined,
    ip: client.ip ?? null,
    geoIp,
    geoIpFailed,
    userAgent: userAgentOf(client.userAgent),
    deviceChanged: false,
    keyProven: false,
    last: undefined,
    sinceLastRefresh: undefined,
    refreshesInPeriod: 0,
  };
}

function lastSeenOf({ ip, country, asn, location, userAgent, lastUsedAt }: RefreshToken): LastSeen {
  const located = fromGeoUri(location);
  const geoIp = { country, asn, location: located?.location ?? null };
  const locatedAt = located?.at ?? lastUsedAt;
  return { ip, geoIp, locatedAt, userAgent: userAgentOf(userAgent), at: lastUsedAt };
}

function countAfter(
  { rateStartedAt, rateCount }: RefreshToken,
  now: number,
  per: number | undefined,
): Pick<SeenColumns, 'rateStartedAt' | 'rateCount'> {
  if (per === undefined) return { rateStartedAt, rateCount };
  const over = now - rateStartedAt >= per;
  return over ? { rateStartedAt: now, rateCount: 1 } : { rateStartedAt, rateCount: rateCount + 1 };
}

function userAgentOf(text: string | null | undefined): UserAgent | null {
  return text ? new UserAgent(text) : null;
}
