/** The part of a session that the rule reads. Times are milliseconds since the Unix epoch. */
export interface SessionState {
  readonly generation: number;
  readonly expiresAt: number;
  readonly lastUsedAt: number;
  readonly rotatedAt: number;
  readonly revokedAt: number | null;
  /** Whether the session is bound to a key, which the client proves at each refresh. */
  readonly keyBound: boolean;
}

/** The part of a refresh token that the rule reads. Its tag has already been found authentic. */
export interface PresentedToken {
  readonly generation: number;
  /**
   * Whether the secret matches the row. The live token matches if its hash is the row's hash. The predecessor matches
   * if the hash of the derived successor is the row's hash. Ignored for any other generation.
   */
  readonly matches: boolean;
  /** Whether the request satisfies the session's binding. Always true for a session without a binding. */
  readonly bound: boolean;
  /**
   * Whether the token was live when this request first read the session. A different request has changed the session
   * since.
   */
  readonly wasLive: boolean;
}

/** The limits of a session. Both are durations in milliseconds. */
export interface RefreshLimits {
  readonly idleTtl: number;
  /** 0 is strict: a predecessor is never answered. Ignored for a session that is bound to a key. */
  readonly grace: number;
}

/** Why a session is dead. */
export type SessionEndReason = 'revoked' | 'expired' | 'idle';

export type RefreshDecision =
  /** The live token: issue its successor. */
  | { readonly action: 'rotate' }
  /** The predecessor, within its window: answer with the same successor again. */
  | { readonly action: 'repeat' }
  | { readonly action: 'refuse'; readonly reason: RefusalReason }
  /** Reuse: two parties hold tokens of this session, so end it. */
  | { readonly action: 'reuse' };

export type RefusalReason = SessionEndReason | 'generation_ahead' | 'concurrent' | 'binding_failed';

/**
 * The refresh rule: decides what happens to a presented refresh token. It does no I/O, so you can check it by reading.
 *
 * @param now when the request arrived, in milliseconds. A request that began before the rotation is a race and not
 *   theft, however long it took.
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
  // A row can be older than a token it issued only after a backup was restored.
  if (behind < 0) return { action: 'refuse', reason: 'generation_ahead' };

  // This request began before the rotation, however long ago the rotation was.
  const raced = presented.wasLive || now < session.rotatedAt;
  if (behind > 1 && raced) return { action: 'refuse', reason: 'concurrent' };
  if (behind > 1 || !presented.matches) return { action: 'reuse' };
  if (behind === 0) {
    if (!presented.bound) return { action: 'refuse', reason: 'binding_failed' };
    return { action: 'rotate' };
  }

  if (!presented.bound) return { action: 'reuse' };
  // The predecessor is useless without the key. So its window lasts until the successor is used.
  if (session.keyBound) return { action: 'repeat' };
  if (limits.grace === 0 && raced) return { action: 'refuse', reason: 'concurrent' };
  if (raced || now - session.rotatedAt < limits.grace) return { action: 'repeat' };
  return { action: 'reuse' };
}

/** Why a session is dead at `now`; `undefined` if it is alive. */
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
