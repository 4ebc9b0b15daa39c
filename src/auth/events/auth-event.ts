/** What can happen to a session, or to an attempt at one. */
export type AuthEventType =
  | 'signed_in'
  | 'sign_in_failed'
  | 'refreshed'
  /** The predecessor was answered again, with the same successor. */
  | 'refresh_repeated'
  | 'refresh_denied'
  /** A refresh was answered with 401 `step_up_required`. */
  | 'step_up_required'
  /** The user authenticated again. */
  | 'step_up_passed'
  /** They tried to, with the wrong password. */
  | 'step_up_failed'
  /** Somebody has failed too often, and is answered with 429 for a while: by `AuthThrottlingModule`. */
  | 'throttled'
  | 'reuse_detected'
  /** `count` reuses, seen by one instance within `alerts.massReuseWithin`. */
  | 'mass_reuse'
  /** A request came without what its session is bound to, or with a proof that is not valid. */
  | 'binding_failed'
  /** The device no longer looks like the one that signed in. */
  | 'device_changed'
  | 'revoked'
  | 'permissions_changed'
  /** The list of revoked sessions of one instance is older than `revocation.delay`. */
  | 'feed_stale'
  /** A session's token was succeeded by one of another secret: of the first in the list. */
  | 'key_rotated'
  | 'purged';

/** Why a session was ended. The host may use reasons of its own, of at most 64 characters. */
export type RevocationReason =
  | 'logout'
  | 'logout_all'
  | 'ended_by_user'
  | 'ended_by_admin'
  | 'password_changed'
  | 'user_unavailable'
  | 'reuse_detected'
  | 'replaced'
  | 'device_changed'
  | 'session_limit'
  | 'credentials_changed'
  | 'sign_in_failed'
  | (string & {});

/** Something that happened, without any secret. */
export interface AuthEvent {
  readonly type: AuthEventType;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  /** Someone should look at it. */
  readonly alert?: true;
  readonly sessionId?: string;
  readonly userId?: string;
  readonly clientId?: string;
  /** A refusal's or a revocation's reason: never shown to the client. */
  readonly reason?: string;
  /** The reason codes of all rules that had something to say, the strictest first. */
  readonly reasons?: readonly string[];
  /** The generation that was presented, or that is now live. */
  readonly generation?: number;
  /** How many sessions, where there can be several. */
  readonly count?: number;
  readonly ip?: string | null;
  readonly userAgent?: string | null;
  /** ISO 3166-1, two letters. */
  readonly country?: string | null;
}
