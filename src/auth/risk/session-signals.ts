import type { RefreshToken } from '../session/refresh-token.entity.js';
import { fromGeoUri, toGeoUri } from './geo-uri.js';
import type { LocatedClient } from './risk-assessor.js';
import type { LastSeen, RiskOccasion, RiskSignals } from './risk-signals.js';
import { UserAgent } from './user-agent.js';

/** The columns in which a session's row remembers where it was last used, and how often. */
export type SeenColumns = Pick<RefreshToken, 'country' | 'network' | 'location' | 'windowStartedAt' | 'windowCount'>;

/** What a first use leaves in the row. */
export function firstSeen({ client, place }: LocatedClient, now: number): SeenColumns {
  return {
    country: client.country ?? null,
    network: place?.network ?? null,
    location: place?.location ? toGeoUri(place.location, now) : null,
    windowStartedAt: 0,
    windowCount: 0,
  };
}

/**
 * What a rotation leaves in the row. Of an address of which nothing is known, the place before it stays: else it could be
 * forgotten by way of one. Not so where the user has authenticated again: they are where they are.
 *
 * @param per milliseconds of the window that is counted; `undefined`: none is
 */
export function seenAgain(
  session: RefreshToken,
  located: LocatedClient,
  now: number,
  per: number | undefined,
  afresh: boolean,
): SeenColumns {
  if (afresh) return { ...firstSeen(located, now), windowStartedAt: now };
  const { place } = located;
  return {
    country: place?.country ?? session.country,
    network: place?.network ?? session.network,
    location: place?.location ? toGeoUri(place.location, now) : session.location,
    ...windowAfter(session, now, per),
  };
}

/** The signals of a session that is asked for again. */
export function signalsOf(
  occasion: RiskOccasion,
  session: RefreshToken,
  { client, place, placesFailed }: LocatedClient,
  at: number,
  per: number | undefined,
  { deviceChanged, keyProven }: Pick<RiskSignals, 'deviceChanged' | 'keyProven'>,
): RiskSignals {
  const counted = occasion === 'refresh' ? windowAfter(session, at, per) : session;
  return {
    occasion,
    at,
    userId: session.userId,
    clientId: session.clientId,
    sessionId: session.id,
    ip: client.ip ?? null,
    place,
    placesFailed,
    userAgent: userAgentOf(client.userAgent),
    deviceChanged,
    keyProven,
    last: lastSeenOf(session),
    sinceLastRefresh: session.generation > 0 ? at - session.lastUsedAt : undefined,
    refreshesInWindow: counted.windowCount,
  };
}

/** The signals of a sign-in: there is nothing to compare with. */
export function signInSignals(
  { client, place, placesFailed }: LocatedClient,
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
    place,
    placesFailed,
    userAgent: userAgentOf(client.userAgent),
    deviceChanged: false,
    keyProven: false,
    last: undefined,
    sinceLastRefresh: undefined,
    refreshesInWindow: 0,
  };
}

function lastSeenOf({ ip, country, network, location, userAgent, lastUsedAt }: RefreshToken): LastSeen {
  const located = fromGeoUri(location);
  const place = { country, network, location: located?.location ?? null };
  const locatedAt = located?.at ?? lastUsedAt;
  return { ip, place, locatedAt, userAgent: userAgentOf(userAgent), at: lastUsedAt };
}

function windowAfter(
  { windowStartedAt, windowCount }: RefreshToken,
  now: number,
  per: number | undefined,
): Pick<SeenColumns, 'windowStartedAt' | 'windowCount'> {
  if (per === undefined) return { windowStartedAt, windowCount };
  const over = now - windowStartedAt >= per;
  return over ? { windowStartedAt: now, windowCount: 1 } : { windowStartedAt, windowCount: windowCount + 1 };
}

function userAgentOf(text: string | null | undefined): UserAgent | null {
  return text ? new UserAgent(text) : null;
}
