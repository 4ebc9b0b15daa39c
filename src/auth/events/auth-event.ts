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
   * @reason mfa_failed: the second factor was wrong
   * @reason mfa_ticket_refused: the ticket of the first step was used up or had expired, or the user has changed since
   * @reason the reason of the risk rule that refused it. Wrong credentials have none.
   */
  | 'sign_in_failed'
  /** The first step of a login was right, and the user has to prove a second factor. No session has begun. */
  | 'mfa_required'
  /**
   * A refresh token was replaced by its successor.
   *
   * @alert if a risk rule raised one. `reason` and `reasons` then name the rules.
   * @reason row_rolled_back: the token was newer than its row; see the event of that name
   */
  | 'refreshed'
  /**
   * A token that was replaced before got the live token of its session. It came within the grace window, as the retry of
   * a use, or as a late answer. If the session is bound to a key or a certificate, its predecessor gets the live token
   * until that is used.
   *
   * @alert with all reasons except `late_retry`, and if a risk rule raised one. `reason` and `reasons` then name the rules.
   * @reason late_retry: the same use was answered again, after its window; at most three times
   * @reason late_answer: the predecessor was answered after its window, out of the budget `refreshToken.lateAnswers`
   * @reason other_device: another browser family or operating system, with `refreshToken.onRepeatFromOtherDevice: 'alert'`
   * @reason other_network_and_agent: a client without a claim repeated from another network and with another user agent
   * @reason repeated_in_a_row: a client without a claim repeated in three successive generations
   * @reason uses_overflowed: more than 16 uses were answered with one token; from then on its list accuses nobody
   */
  | 'refresh_repeated'
  /**
   * A refresh was refused.
   *
   * @alert with the reasons `not_genuine` and `client_mismatch`, and if a risk rule ended the session.
   * @reason not_issued_here: this server did not issue the token, or it is forged
   * @reason unknown_session: the session has been purged, or never existed
   * @reason revoked: the session ended before
   * @reason expired: the session is older than `refreshToken.ttl`
   * @reason idle: the session was not refreshed for `refreshToken.idleTtl`
   * @reason client_mismatch: the request names another `client_id` than that of the session; the session goes on
   * @reason concurrent: another request refreshed the session at the same time; it goes on
   * @reason user_unavailable: the user provider returned `null`; the session has been ended
   * @reason impersonator_unavailable: the administrator who acts as the user is disabled, or has lost their own session; the
   * session has been ended
   * @reason credentials_changed: the user has a new `credentialsVersion` since the sign-in; the session has been ended
   * @reason secret_removed: the secret of the token is no longer configured
   * @reason superseded: the request is finished, or its client has a newer token (409); the session goes on
   * @reason late_answer_abroad: a late answer or a late retry was refused, because it came from another country (403)
   * @reason not_genuine: root or voucher are not those of the session, although the tag is right: a secret has leaked, or a
   * session id was used twice
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
   * @alert with the reasons `step_up` and `mfa`: a step-up needs a refresh token of the session, and a second factor the
   * first one.
   * @reason login: too many logins with one username failed from one address, or on one known device
   * @reason login_of_address: too many logins failed from one address
   * @reason login_of_name: too many logins with one username failed from all addresses together
   * @reason refresh: too many refreshes of one session failed from one address
   * @reason step_up: too many step-ups of one session failed
   * @reason mfa: too many second factors of one user failed, from all addresses together
   */
  | 'throttled'
  /**
   * An old refresh token was presented, and no retry, window or late answer explains it. Or a repeat came from another
   * kind of browser or system. Two parties hold tokens of the session. It has been ended.
   *
   * @alert always.
   * @reason repeat_from_elsewhere: the rule `RepeatFromElsewhere` ended the session. Otherwise there is no reason.
   */
  | 'reuse_detected'
  /**
   * A client said which uses brought its refresh token, and the token had been given to another use, too: a second party
   * holds tokens of the session. It has been ended.
   *
   * @alert always.
   */
  | 'token_shared'
  /**
   * `count` refresh tokens were newer than their rows: the database has lost commits, by a failover, a stale replica or
   * a restored backup. The sessions go on.
   *
   * @alert always.
   */
  | 'row_rolled_back'
  /**
   * `count` events `reuse_detected` and `token_shared` came within `alerts.massReuseWithin`, on one instance. A database or a
   * log may have leaked.
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
   * @reason forwarded_certificate: the header of a trusted proxy is not exactly one certificate, and does not count
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
  /**
   * A user has signed in from a device that the table knows no session of: see `refreshToken.onNewDevice`.
   *
   * @reason first_session: the table has no other session of the user. Otherwise there is no reason.
   */
  | 'new_device'
  /** The device name, the tags or the metadata of a session were changed. The event does not say to what. */
  | 'session_updated'
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
  | 'purged'
  /** `forgetUser` has erased a user with `count` sessions. The event does not say which user. */
  | 'user_forgotten';

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
  /** In an impersonated session: the administrator is disabled, or has lost the session that it began in. */
  | 'impersonator_unavailable'
  /** An old refresh token was presented: two parties hold tokens of the session. */
  | 'reuse_detected'
  /** A refresh token was given to two parties: the claim of a client shows it. */
  | 'token_shared'
  /** The browser signed in again, and got a new session. */
  | 'replaced'
  /** The device changed, and `binding.fingerprint.onMismatch` is `'revoke'`. */
  | 'device_changed'
  /** The user signed in once more than `refreshToken.maxSessionsPerUser` allows. */
  | 'session_limit'
  /** The credentials changed: while the login was under way, or since. */
  | 'credentials_changed'
  /** For operators: `revokeAll` ended sessions of all users, for example after a backup was restored. */
  | 'revoked_all'
  /** `forgetUser` has erased the user. */
  | 'user_forgotten'
  /** The login failed after its session had been stored. */
  | 'sign_in_failed'
  | (string & {});

/** Something that happened. It contains no secret. */
export interface AuthEvent {
  /** What happened. */
  readonly type: AuthEventType;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  /** `true` if somebody should look at it. At most once a minute, on each instance, for each session, type and reason. */
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
  /** How many sessions or events, if there can be several. An alert that repeats tells how often it happened. */
  readonly count?: number;
  /** The address of the client. */
  readonly ip?: string | null;
  /** The header `User-Agent` of the client. */
  readonly userAgent?: string | null;
  /** The country of the address: ISO 3166-1, two letters. */
  readonly country?: string | null;
  /**
   * The account that a failed login was for: a keyed hash of its name. `AuthEventLog.accountHashes` makes it from a name.
   * Events with a `userId` may have none.
   */
  readonly account?: string;
  /** The name of that account as the client sent it. Only with the option `audit.accountNames`. */
  readonly accountName?: string;
  /**
   * Who did it, if your code passed an `actor`: for example the id of an administrator. All events of an impersonated session
   * name the administrator who acts as the user.
   */
  readonly actor?: string;
}
