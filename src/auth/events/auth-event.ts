/** What can happen to a session, or to an attempt at one. */
export type AuthEventType =
  /** A login succeeded, and a session began. */
  | 'signed_in'
  /** A login failed: the credentials were wrong, or a risk rule refused it. */
  | 'sign_in_failed'
  /** A refresh token was replaced by its successor. */
  | 'refreshed'
  /** A predecessor got the same successor again, within the grace window. */
  | 'refresh_repeated'
  /**
   * A refresh was refused, and the session was not ended by it. It is an alert with the reason `generation_ahead`: the row is older
   * than the token, so a backup of the database may have been restored.
   *
   * @reason not_issued_here: this server did not issue the token, or it is forged
   * @reason unknown_session: the session has been purged, or never existed
   * @reason revoked: the session has been ended
   * @reason expired: the session is older than `refreshToken.ttl`
   * @reason idle: the session was not refreshed for `refreshToken.idleTtl`
   * @reason concurrent: another request refreshed the session at the same time
   * @reason user_unavailable: the user provider returned `null`
   * @reason secret_removed: the secret of the token is no longer configured
   * @reason generation_ahead: the token is newer than the row
   */
  | 'refresh_denied'
  /** A refresh was answered with 401 `step_up_required`. The reason names the risk rule. */
  | 'step_up_required'
  /** The user authenticated again. */
  | 'step_up_passed'
  /** The user tried to authenticate again with a wrong password. */
  | 'step_up_failed'
  /**
   * `AuthThrottlingModule` begins to answer 429. It is an alert with the reason `step_up`, because a step-up needs a token of the session.
   *
   * @reason login: too many logins with one username failed from one address
   * @reason login_of_address: too many logins failed from one address
   * @reason refresh: too many refreshes of one session failed from one address
   * @reason step_up: too many step-ups of one session failed
   */
  | 'throttled'
  /** An old refresh token was presented: two parties hold tokens of the session. It has been ended. Always an alert. */
  | 'reuse_detected'
  /** `count` reuses were detected within `alerts.massReuseWithin`, on one instance. Always an alert. */
  | 'mass_reuse'
  /**
   * A request came without what its session is bound to, or with an invalid proof. It is an alert, except with the reason
   * `invalid_dpop_proof`.
   *
   * @reason dpop: the proof of the session's key is missing, or has another key
   * @reason tls: the client certificate is missing, or is another one
   * @reason nonce: the client nonce is missing or wrong
   * @reason scheme: an access token was presented in the wrong scheme, `Bearer` for `DPoP` or the other way round
   * @reason dpop_replayed: the proof was used before
   * @reason invalid_dpop_proof: the proof is not valid
   */
  | 'binding_failed'
  /** The device no longer looks like the device that signed in. It is an alert with `binding.fingerprint.onMismatch: 'alert'`. */
  | 'device_changed'
  /** A session, or `count` sessions of a user, ended. The reason is a `RevocationReason`. */
  | 'revoked'
  /** The access tokens of `count` sessions became stale, because the permissions of their user changed. */
  | 'permissions_changed'
  /** The revocation list of this instance is older than `revocation.delay`. Always an alert. */
  | 'feed_stale'
  /** A session moved to the first secret in the list. */
  | 'key_rotated'
  /** `count` dead sessions were removed from the table. */
  | 'purged';

/** Why a session ended. You may use reasons of your own, of at most 64 characters. */
export type RevocationReason =
  /** The user signed out. */
  | 'logout'
  /** The user signed out on all devices. */
  | 'logout_all'
  /** The user ended this session from another one. */
  | 'ended_by_user'
  /** For you: an administrator ended it. */
  | 'ended_by_admin'
  /** For you: the user has a new password. */
  | 'password_changed'
  /** The user provider returned `null`: the user is disabled or deleted. */
  | 'user_unavailable'
  /** An old refresh token was presented. */
  | 'reuse_detected'
  /** The browser signed in again, and got a new session. */
  | 'replaced'
  /** The device changed, and `binding.fingerprint.onMismatch` is `'revoke'`. */
  | 'device_changed'
  /** The user signed in once more than `refreshToken.maxSessionsPerUser` allows. */
  | 'session_limit'
  /** The credentials changed while the login was under way. */
  | 'credentials_changed'
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
