/** What can happen to a session, or to an attempt at one. `@alert` says when the event is an alert. */
export type AuthEventType =
  /**
   * A login succeeded, and a session began.
   *
   * @alert if a risk rule raised one. `reason` and `reasons` then name the rules.
   */
  | 'signed_in'
  /**
   * A login failed. The credentials were wrong, or a risk rule refused it.
   *
   * @reason the reason of the risk rule that refused it. Wrong credentials have none.
   */
  | 'sign_in_failed'
  /**
   * A refresh token was replaced by its successor.
   *
   * @alert if a risk rule raised one. `reason` and `reasons` then name the rules.
   */
  | 'refreshed'
  /**
   * A predecessor got the same successor again: within the grace window, or, if the session is
   * bound to a key or a certificate, until the successor is used.
   *
   * @alert if a risk rule raised one. `reason` and `reasons` then name the rules.
   */
  | 'refresh_repeated'
  /**
   * A refresh was refused.
   *
   * @alert with the reason `generation_ahead`, and if a risk rule ended the session.
   * @reason not_issued_here: this server did not issue the token, or it is forged
   * @reason unknown_session: the session has been purged, or never existed
   * @reason revoked: the session ended before
   * @reason expired: the session is older than `refreshToken.ttl`
   * @reason idle: the session was not refreshed for `refreshToken.idleTtl`
   * @reason concurrent: another request refreshed the session at the same time; it goes on
   * @reason user_unavailable: the user provider returned `null`; the session has been ended
   * @reason secret_removed: the secret of the token is no longer configured
   * @reason generation_ahead: the token is newer than the row, so a backup of the database may have been restored
   * @reason the reason of a risk rule that denied the refresh, or ended the session
   */
  | 'refresh_denied'
  /**
   * A refresh was refused until the user authenticates again.
   *
   * @alert always.
   * @reason device_changed: the device changed, and `binding.fingerprint.onMismatch` is `'step_up'`
   * @reason the reason of the risk rule that asks for it
   */
  | 'step_up_required'
  /** The user authenticated again. */
  | 'step_up_passed'
  /** The user tried to authenticate again, with a wrong password. */
  | 'step_up_failed'
  /**
   * Too many attempts failed: `AuthThrottlingModule` begins to answer 429.
   *
   * @alert with the reason `step_up`, because a step-up needs a refresh token of the session.
   * @reason login: too many logins with one username failed from one address
   * @reason login_of_address: too many logins failed from one address
   * @reason refresh: too many refreshes of one session failed from one address
   * @reason step_up: too many step-ups of one session failed
   */
  | 'throttled'
  /**
   * An old refresh token was presented: two parties hold tokens of the session. It has been ended.
   *
   * @alert always.
   * @reason repeat_from_elsewhere: the rule `RepeatFromElsewhere` ended the session. Otherwise there is no reason.
   */
  | 'reuse_detected'
  /**
   * `count` reuses were detected within `alerts.massReuseWithin`, on one instance. A database or a log may have leaked.
   *
   * @alert always.
   */
  | 'mass_reuse'
  /**
   * A request came without what its session is bound to, or with an invalid proof. It ends no session.
   *
   * @alert except with the reason `invalid_dpop_proof`.
   * @reason dpop: the proof of the session's key is missing, or has another key
   * @reason tls: the client certificate is missing, or is another one
   * @reason nonce: the client nonce is missing or wrong
   * @reason scheme: an access token came in the wrong scheme, `Bearer` for `DPoP` or the other way round
   * @reason dpop_replayed: the proof was used before
   * @reason invalid_dpop_proof: the proof is not valid
   */
  | 'binding_failed'
  /**
   * A device refreshed that no longer looks like the device that signed in. With `'step_up'` the event comes after the
   * step-up.
   *
   * @alert with `binding.fingerprint.onMismatch: 'alert'`.
   */
  | 'device_changed'
  /**
   * A session ended, or `count` sessions of a user. Without a user, `revokeAll` ended `count` sessions of all users.
   *
   * @reason a `RevocationReason`: see [below](#reasons-of-a-revocation)
   */
  | 'revoked'
  /** The access tokens of `count` sessions became stale, because the permissions of their user changed. */
  | 'permissions_changed'
  /**
   * The revocation list of this instance is older than `revocation.delay`.
   *
   * @alert always.
   */
  | 'feed_stale'
  /** A session moved to the first secret in the list: its token was replaced by one of that secret. */
  | 'key_rotated'
  /** `count` dead sessions were removed from the table. */
  | 'purged';

/**
 * Why a session ended. A risk rule that ends sessions gives its own reason. You may use reasons of your own, of at most
 * 64 characters.
 */
export type RevocationReason =
  /** The user signed out. */
  | 'logout'
  /** The user signed out on all devices, or on all other devices. */
  | 'logout_all'
  /** The user ended it in the list of sessions. */
  | 'ended_by_user'
  /** For your code: an administrator ended it. */
  | 'ended_by_admin'
  /** For your code: the user has a new password. */
  | 'password_changed'
  /** The user provider returned `null`: the user is disabled or deleted. */
  | 'user_unavailable'
  /** An old refresh token was presented: two parties hold tokens of the session. */
  | 'reuse_detected'
  /** The browser signed in again, and got a new session. */
  | 'replaced'
  /** The device changed, and `binding.fingerprint.onMismatch` is `'revoke'`. */
  | 'device_changed'
  /** The user signed in once more than `refreshToken.maxSessionsPerUser` allows. */
  | 'session_limit'
  /** The credentials changed while the login was under way. */
  | 'credentials_changed'
  /** For operators: `revokeAll` ended sessions of all users, for example after a backup was restored. */
  | 'revoked_all'
  /** The login failed after its session had been stored. */
  | 'sign_in_failed'
  | (string & {});

/** Something that happened. It contains no secret. */
export interface AuthEvent {
  /** What happened. */
  readonly type: AuthEventType;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  /** `true` if somebody should look at it. */
  readonly alert?: true;
  /** The id of the session. */
  readonly sessionId?: string;
  /** The id of the user. */
  readonly userId?: string;
  /** The `client_id` of the session. */
  readonly clientId?: string;
  /** Why: see the event. The client never learns it. */
  readonly reason?: string;
  /** The reasons of all risk rules that applied, the strictest verdict first. */
  readonly reasons?: readonly string[];
  /** The generation of the presented token, or the generation that is now live. */
  readonly generation?: number;
  /** How many sessions or events, if there can be several. */
  readonly count?: number;
  /** The address of the client. */
  readonly ip?: string | null;
  /** The header `User-Agent` of the client. */
  readonly userAgent?: string | null;
  /** The country of the address: ISO 3166-1, two letters. */
  readonly country?: string | null;
}
