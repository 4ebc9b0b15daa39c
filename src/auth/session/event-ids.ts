import type { RefreshToken } from './refresh-token.entity.js';

/** What the events of a session say about it: whose it is, and which administrator acts as the user, if one does. */
export function eventIdsOf({ id, userId, clientId, generation, actor }: RefreshToken) {
  // A forgotten user has no id.
  return {
    sessionId: id,
    userId: userId || undefined,
    clientId,
    generation,
    ...(actor !== null && { actor }),
  };
}
