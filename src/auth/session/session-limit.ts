import type { RefreshToken } from './refresh-token.entity.js';
import type { OnTooManySessions } from './session-options.js';

/** The live sessions of a user that must end to make room for a new one; `undefined` if the new one must be refused. */
export function makeRoom(
  live: readonly RefreshToken[],
  limit: number,
  onTooManySessions: OnTooManySessions,
): RefreshToken[] | undefined {
  const tooMany = live.length + 1 - limit;
  if (tooMany <= 0) return [];
  if (onTooManySessions === 'refuse') return undefined;
  const since = onTooManySessions === 'end_oldest' ? 'createdAt' : 'lastUsedAt';
  return live.toSorted((a, b) => a[since] - b[since]).slice(0, tooMany);
}
