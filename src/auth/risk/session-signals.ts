import type { RefreshToken } from '../session/refresh-token.entity.js';
import { fromGeoUri, toGeoUri } from './geo-uri.js';
import type { LocatedClient } from './risk-assessor.js';
import type { LastSeen, RiskOccasion, RiskSignals } from './risk-signals.js';
import { UserAgent } from './user-agent.js';

/** The columns in which a session's row remembers where it was last used, and how often. */
export type SeenColumns = Pick<RefreshToken, 'country' | 'asn' | 'location' | 'rateStartedAt' | 'rateCount'>;

/** What a first use leaves in the row. */
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
 * What a rotation leaves in the row. Of an address of which nothing is known, the place before it stays: else it could be
 * forgotten by way of one. Not so where the user has authenticated again: they are where they are.
 *
 * @param per milliseconds of the period in which refreshes are counted; `undefined`: they are not
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

/** The signals of a session that is asked for again. */
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

/** The signals of a sign-in: there is nothing to compare with. */
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
