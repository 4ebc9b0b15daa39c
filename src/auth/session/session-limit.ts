import type { RefreshToken } from './refresh-token.entity.js';
import type { OnTooManySessions } from './session-options.js';

/** How many sessions a user may have: in all, and of the client that signs in. */
export interface SessionLimits {
  readonly ofUser: number | undefined;
  readonly ofClient: number | undefined;
}

/**
 * The live sessions of a user that must end to make room for a new one; `undefined` if the new one must be refused. A
 * session of the same client leaves first, if that makes room in both.
 */
export function makeRoom(
  live: readonly RefreshToken[],
  clientId: string,
  { ofUser = Infinity, ofClient = Infinity }: SessionLimits,
  onTooManySessions: OnTooManySessions,
): RefreshToken[] | undefined {
  const since = onTooManySessions === 'end_longest_idle' ? 'lastUsedAt' : 'createdAt';
  const oldestFirst = live.toSorted((a, b) => a[since] - b[since]);
  const ofSameClient = oldestFirst.filter((session) => session.clientId === clientId);
  const leaving = ofSameClient.slice(0, excess(ofSameClient.length, ofClient));
  const staying = oldestFirst.filter((session) => !leaving.includes(session));
  leaving.push(...staying.slice(0, excess(staying.length, ofUser)));
  return leaving.length > 0 && onTooManySessions === 'refuse' ? undefined : leaving;
}

/** How many must leave so that one more fits. */
function excess(count: number, limit: number): number {
  return Math.max(0, count + 1 - limit);
}
