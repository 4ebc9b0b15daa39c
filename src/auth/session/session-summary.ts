import { COARSE_TIME } from '../common/time/coarse-time.js';
import type { SessionSummary } from './issued-tokens.js';
import type { RefreshToken } from './refresh-token.entity.js';
import { labelsOf } from './session-details.js';

/** The sessions as their user sees them, the last used first. The order tells no more than the rounded times. */
export function summariesOf(sessions: readonly RefreshToken[]): SessionSummary[] {
  return sessions.map(summaryOf).sort(byLastUse);
}

function summaryOf(session: RefreshToken): SessionSummary {
  const { id, clientId, deviceName, userAgent, ip, country, createdAt, expiresAt } = session;
  const lastUsedAt = Math.max(createdAt, session.lastUsedAt - (session.lastUsedAt % COARSE_TIME));
  const actor = session.actor === null ? null : { id: session.actor, name: session.actorName };
  return {
    id,
    clientId,
    deviceName,
    ...labelsOf(session),
    actor,
    userAgent,
    ip,
    country,
    createdAt,
    lastUsedAt,
    expiresAt,
  };
}

function byLastUse(one: SessionSummary, other: SessionSummary): number {
  return other.lastUsedAt - one.lastUsedAt || other.createdAt - one.createdAt || (one.id < other.id ? -1 : 1);
}
