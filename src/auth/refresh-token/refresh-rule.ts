/** The part of a session that the rule reads. Times are milliseconds since the Unix epoch, by the database's clock. */
export interface SessionState {
  readonly generation: number;
  /** The generation that was live when the current burst of refreshes began. */
  readonly windowGeneration: number;
  /** When that burst began. A rotation within the window does not move it. */
  readonly windowStartedAt: number;
  /** The theoretical arrival time (GCRA) of the next late answer. */
  readonly lateAnswersAt: number;
  readonly expiresAt: number;
  readonly lastUsedAt: number;
  /** How long this session lives without a refresh, if that is less than the limit. */
  readonly idleTtl?: number | null;
  readonly revokedAt: number | null;
  /** Whether the session is bound to a key, which the client proves at each refresh. */
  readonly keyBound: boolean;
}

/** A refresh token and its request. The tag of the token has already been found authentic. */
export interface PresentedToken {
  readonly generation: number;
  /** Whether root and voucher are those of the session. */
  readonly genuine: boolean;
  /** Whether the request satisfies the session's binding. Always true for a session without a binding. */
  readonly bound: boolean;
  /** Whether the request names another client than that of the session. */
  readonly otherClient?: boolean;
  /** Whether the browser family and the system are those of the latest refresh. */
  readonly sameDevice: boolean;
  /** When the request arrived. It may have waited in this process since. */
  readonly arrivedAt: number;
  /**
   * Whether the token was live when this request first read the session. A different request has changed the session
   * since.
   */
  readonly wasLive: boolean;
  /**
   * How often the answer to this use was repeated after its window; `undefined` if the use is not among those that were
   * answered with the live token.
   */
  readonly lateRetries: number | undefined;
  /** Whether this use was answered with the predecessor of the live token. */
  readonly finished: boolean;
  /** Whether the client says which uses brought its token. */
  readonly claims: boolean;
  /** Whether the token was also given to a use that the client does not name. */
  readonly shared: boolean;
}

/** The limits of a session. Durations are milliseconds. */
export interface RefreshLimits {
  readonly idleTtl: number;
  /** 0 is strict: a predecessor is answered only to a retry. Ignored for a session that is bound to a key. */
  readonly grace: number;
  /** Time since the start of the window in which no request could be answered. It does not count. */
  readonly outage: number;
  readonly lateAnswers: LateAnswers;
  /** Whether a repeat from another kind of device is reuse. */
  readonly otherDeviceIsReuse: boolean;
}

/** The budget of a session for late answers: `burst` at once, and one more after each `per` (milliseconds). */
export interface LateAnswers {
  /** 0 switches late answers off. */
  readonly burst: number;
  readonly per: number;
  /** Whether clients get them that do not say which uses brought their token. */
  readonly withoutKeys: boolean;
}

/** Why a session is dead. */
export type SessionEndReason = 'revoked' | 'expired' | 'idle';

export type RefreshDecision =
  /** The live token: issue its successor. */
  | { readonly action: 'rotate' }
  /** A token that is newer than the row, because the database lost commits: issue its successor. */
  | { readonly action: 'adopt' }
  /** Another request of the same burst: answer with the live token. */
  | { readonly action: 'repeat' }
  /** The same request once more: answer with the live token again. `late` if its window is over. */
  | { readonly action: 'retry'; readonly late: boolean }
  /** The predecessor, long after its window: answer with the live token, out of a small budget. */
  | { readonly action: 'late' }
  /** A request that is finished, or that knows better: answer with no token. */
  | { readonly action: 'superseded' }
  | { readonly action: 'refuse'; readonly reason: RefusalReason }
  /** Two parties hold tokens of this session, so end it. */
  | { readonly action: 'reuse'; readonly reason: ReuseReason };

export type RefusalReason = SessionEndReason | 'not_genuine' | 'concurrent' | 'binding_failed' | 'client_mismatch';
export type ReuseReason = 'reuse_detected' | 'token_shared';

/** A token holds its generation in 32 bits. */
export const LAST_GENERATION = 0xffff_ffff;
/** How often an answer is repeated to the same use after its window. */
const MOST_LATE_RETRIES = 3;
/** Milliseconds. A window that starts later than this from now was written by a wrong clock, and is not open. */
const LATEST_START = 10_000;

/**
 * The refresh rule: decides what happens to a presented refresh token. It does no I/O, so you can check it by reading.
 *
 * @param now the time in milliseconds
 */
export function decideRefresh(
  session: SessionState,
  token: PresentedToken,
  now: number,
  limits: RefreshLimits,
): RefreshDecision {
  const decision = decideForOwnClient(session, token, now, limits);
  // A client id is public, so a wrong one is no sign of theft. Nor may it hide one: what ends a session, still does.
  return token.otherClient && !isFinal(decision) ? { action: 'refuse', reason: 'client_mismatch' } : decision;
}

/** Whether the session has ended or ends, or the token is invalid, whatever client the request names. */
function isFinal(decision: RefreshDecision): boolean {
  return decision.action === 'reuse' || (decision.action === 'refuse' && decision.reason !== 'concurrent');
}

function decideForOwnClient(
  session: SessionState,
  token: PresentedToken,
  now: number,
  limits: RefreshLimits,
): RefreshDecision {
  const behind = session.generation - token.generation;
  const newer = behind < 0;

  const end = sessionEndReason(session, now, limits);
  if (end && end !== 'idle') return { action: 'refuse', reason: end };
  if (!token.genuine) return { action: 'refuse', reason: 'not_genuine' };
  // A row that is older than its token has an old time of last use, too.
  if (end && !newer) return { action: 'refuse', reason: end };
  if (!token.bound) return behind > 0 ? REUSE : { action: 'refuse', reason: 'binding_failed' };

  const inWindow = isWindowOpen(session, token.arrivedAt, now, limits) && token.generation >= session.windowGeneration;
  // The predecessor is useless without the key. So its window lasts until the successor is used.
  const open = token.wasLive || inWindow || (session.keyBound && behind === 1);
  // A request that began before the rotation is a race and no theft, however long it took.
  const raced = token.wasLive || arrivedBeforeWindow(session, token, now);
  const strict = limits.grace === 0 && !session.keyBound;

  // A request that has been answered comes again: its retry, or a duplicate of one that is over.
  if (behind > 0 && token.lateRetries !== undefined) {
    if (open || raced) return { action: 'retry', late: false };
    const more = behind === 1 && token.lateRetries < MOST_LATE_RETRIES && token.sameDevice;
    return more ? { action: 'retry', late: true } : { action: 'superseded' };
  }
  if (behind > 1 && token.finished) return { action: 'superseded' };

  // The owner says by which uses the token came, and it was given to another one.
  if (token.shared) return { action: 'reuse', reason: 'token_shared' };

  // There is no successor: the user signs in again.
  if (behind <= 0 && token.generation >= LAST_GENERATION) return { action: 'refuse', reason: 'expired' };
  if (newer) return { action: 'adopt' };
  if (behind === 0) return { action: 'rotate' };

  if (strict) return raced ? { action: 'refuse', reason: 'concurrent' } : REUSE;
  if (open) {
    // Who makes a claim knows better than to be two behind: it looks for its newer token.
    if (token.claims && behind > 1) return { action: 'superseded' };
    if (!token.sameDevice && !session.keyBound && limits.otherDeviceIsReuse) return REUSE;
    return { action: 'repeat' };
  }
  const mayBeLate = token.claims || limits.lateAnswers.withoutKeys;
  if (behind === 1 && mayBeLate && token.sameDevice && hasLateAnswer(session, now, limits.lateAnswers)) {
    return { action: 'late' };
  }
  return raced ? { action: 'superseded' } : REUSE;
}

const REUSE: RefreshDecision = { action: 'reuse', reason: 'reuse_detected' };

/** Whether the window that the session's latest burst of refreshes opened is still open. */
export function isWindowOpen(
  { windowStartedAt }: Pick<SessionState, 'windowStartedAt'>,
  arrivedAt: number,
  now: number,
  { grace, outage }: Pick<RefreshLimits, 'grace' | 'outage'>,
): boolean {
  if (grace === 0 || windowStartedAt - now >= LATEST_START) return false;
  return arrivedAt - windowStartedAt < grace + outage;
}

/** The token may have been live when its request arrived. */
function arrivedBeforeWindow({ windowStartedAt }: SessionState, { arrivedAt }: PresentedToken, now: number): boolean {
  return arrivedAt < windowStartedAt && windowStartedAt - now < LATEST_START;
}

/** The generic cell rate algorithm: whether the budget has an answer left. */
function hasLateAnswer({ lateAnswersAt }: SessionState, now: number, { burst, per }: LateAnswers): boolean {
  return burst > 0 && Math.max(lateAnswersAt, now) - now <= (burst - 1) * per;
}

/** Why a session is dead at `now`; `undefined` if it is alive. */
export function sessionEndReason(
  session: Pick<SessionState, 'expiresAt' | 'lastUsedAt' | 'idleTtl' | 'revokedAt'>,
  now: number,
  limits: Pick<RefreshLimits, 'idleTtl'>,
): SessionEndReason | undefined {
  if (session.revokedAt !== null) return 'revoked';
  if (now >= session.expiresAt) return 'expired';
  if (now >= session.lastUsedAt + idleTimeOf(session, limits)) return 'idle';
  return undefined;
}

/** How long the session lives without a refresh. The limit may have become shorter since its sign-in. */
export function idleTimeOf({ idleTtl }: Pick<SessionState, 'idleTtl'>, limits: Pick<RefreshLimits, 'idleTtl'>): number {
  return Math.min(idleTtl ?? Infinity, limits.idleTtl);
}
