/** What the rule needs to know of a session. Times are milliseconds since the Unix epoch. */
export interface SessionState {
  readonly generation: number;
  readonly expiresAt: number;
  readonly lastUsedAt: number;
  readonly rotatedAt: number;
  readonly revokedAt: number | null;
  /** Whether it is bound to a key that is proven at each refresh. */
  readonly keyBound: boolean;
}

/** What the rule needs to know of a refresh token whose tag has been found authentic. */
export interface PresentedToken {
  readonly generation: number;
  /**
   * Whether the row vouches for it: the live token hashes to the row's hash; of its predecessor, the derived
   * successor does. Of no consequence for any other generation.
   */
  readonly matches: boolean;
  /** Whether it came from where the session is bound to; so for every session that is bound to nothing. */
  readonly bound: boolean;
  /** Whether it was the live token when its request read the session before, and another request has changed that since. */
  readonly wasLive: boolean;
}

/** Milliseconds. */
export interface RefreshLimits {
  readonly idleTtl: number;
  /** 0: strict, a predecessor is never answered. For a session that is bound to a key it is of no consequence. */
  readonly grace: number;
}

/** Why a session is dead. */
export type SessionEndReason = 'revoked' | 'expired' | 'idle';

export type RefreshDecision =
  /** It is the live token: issue its successor. */
  | { readonly action: 'rotate' }
  /** It is the predecessor, within the window: answer with the same successor again. */
  | { readonly action: 'repeat' }
  | { readonly action: 'refuse'; readonly reason: RefusalReason }
  /** Two parties hold tokens of this session: end it. */
  | { readonly action: 'reuse' };

export type RefusalReason = SessionEndReason | 'generation_ahead' | 'concurrent' | 'binding_failed';

/**
 * The rule: what is to be done with a refresh token. Without I/O, so that anyone can check it by eye.
 *
 * @param now when the request arrived, in milliseconds. A request that was under way before the rotation it lost to is a
 *   race and no theft, however long it then took.
 */
export function decideRefresh(
  session: SessionState,
  presented: PresentedToken,
  now: number,
  limits: RefreshLimits,
): RefreshDecision {
  const death = sessionEndReason(session, now, limits);
  if (death) return { action: 'refuse', reason: death };

  const behind = session.generation - presented.generation;
  // Only a restored backup makes a row older than a token it issued.
  if (behind < 0) return { action: 'refuse', reason: 'generation_ahead' };

  // However long ago the rotation says that it was: this request has been under way since before it.
  const raced = presented.wasLive || now < session.rotatedAt;
  if (behind > 1 && raced) return { action: 'refuse', reason: 'concurrent' };
  if (behind > 1 || !presented.matches) return { action: 'reuse' };
  if (behind === 0) {
    if (!presented.bound) return { action: 'refuse', reason: 'binding_failed' };
    return { action: 'rotate' };
  }

  if (!presented.bound) return { action: 'reuse' };
  // The predecessor is of no use to anyone without the key, so its window lasts until the successor is used.
  if (session.keyBound) return { action: 'repeat' };
  if (limits.grace === 0 && raced) return { action: 'refuse', reason: 'concurrent' };
  if (raced || now - session.rotatedAt < limits.grace) return { action: 'repeat' };
  return { action: 'reuse' };
}

/** Why a session is dead at `now`; `undefined` while it lives. */
export function sessionEndReason(
  session: Pick<SessionState, 'expiresAt' | 'lastUsedAt' | 'revokedAt'>,
  now: number,
  limits: Pick<RefreshLimits, 'idleTtl'>,
): SessionEndReason | undefined {
  if (session.revokedAt !== null) return 'revoked';
  if (now >= session.expiresAt) return 'expired';
  if (now >= session.lastUsedAt + limits.idleTtl) return 'idle';
  return undefined;
}
