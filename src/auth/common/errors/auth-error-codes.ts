/**
 * Each code with its HTTP status and the sentence in the answer. The reference of the errors is made from these
 * docstrings: `@session` says what became of token and session, `@client` what a client does, `@header` and `@source`
 * what else there is.
 */
export const ERRORS = {
  /**
   * The body or a header is malformed: a field is missing, has the wrong type or is too long. The other causes:
   *
   * - The request has one token in the body, and another in the cookie.
   * - A logout has two tokens, or its token in a field that the route does not read.
   * - The login asks for a binding that `binding.allowed` does not list.
   * - The login lacks a binding that is required: the proof, or the client certificate.
   *
   * @session The refresh token is still good.
   * @client Correct the request. The text names the invalid fields.
   * @source RFC 6749 §5.2
   */
  invalid_request: [400, 'The request is malformed.'],
  /**
   * The request has no refresh token, neither in the body nor in a cookie. No other error has this code: a browser can
   * take it to mean that nobody is signed in.
   *
   * @session Nothing changed.
   * @client In a browser: show the sign-in. Elsewhere: send the refresh token in the body.
   */
  refresh_token_missing: [400, 'A refresh token is required.'],
  /**
   * The DPoP proof is missing, not valid, made with another key, or was used before.
   *
   * @session The refresh token and the access token are still good.
   * @client Make a new proof for this method and URL, and send the request again.
   * @header `Date`: if the time of the proof is wrong, the time of the database, to correct the client's clock
   * @source RFC 9449 §5
   */
  invalid_dpop_proof: [400, 'The DPoP proof is not valid.'],
  /**
   * The server asks for a nonce in proofs (`binding.dpop.requireNonce`), and this proof has none or an old one.
   *
   * @session The refresh token and the access token are still good.
   * @client Make a new proof with the nonce of the header `DPoP-Nonce`, and send the request again.
   * @header `DPoP-Nonce`: the nonce for the next proof
   * @source RFC 9449 §8
   */
  use_dpop_nonce: [400, 'The DPoP proof must carry the nonce from the header DPoP-Nonce.'],
  /**
   * The login asks for a scope that `refreshToken.scopes` does not list. Without a list, what it asks for is ignored.
   *
   * @session No session began.
   * @client Ask only for scopes that the server knows.
   * @source RFC 6749 §5.2
   */
  invalid_scope: [400, 'The requested scope is not known here.'],
  /**
   * A login or a step-up has a wrong username, password or second factor, or the user may not sign in. The answer does not
   * tell which.
   *
   * @session A login began no session. After a step-up the refresh token is still good. A ticket stays good for the
   * attempts that are left.
   * @client Ask the user again.
   */
  invalid_credentials: [401, 'The username or password is wrong.'],
  /**
   * The first step of a sign-in was right, and the user has a second factor. The body has `mfa_ticket`, `methods` and
   * `expires_in` (seconds).
   *
   * @session No session began.
   * @client Ask the user for the second factor, and send it with `mfa_ticket` to `POST /auth/login/continue`.
   */
  mfa_required: [401, 'A second factor is needed: POST /auth/login/continue.'],
  /**
   * The ticket of the first step is not valid: it has expired, begun a session, or too many second factors were tried with
   * it. Or the user has been disabled or has new credentials since. The answer does not tell which.
   *
   * @session No session began.
   * @client Begin again with `POST /auth/login`.
   */
  invalid_mfa_ticket: [401, 'The first step of the sign-in is over. Begin again.'],
  /**
   * The server does not accept the refresh token. The answer does not tell why; the events `refresh_denied`,
   * `reuse_detected`, `token_shared` and `binding_failed` do. The causes:
   *
   * - The token is forged, or another server issued it.
   * - The session has ended, expired or been idle for too long, or the user no longer exists.
   * - The token was replaced before, and neither a retry, the grace window nor a late answer explains it. This is reuse: it
   *   ends the session.
   * - `received_with` shows that the token was given to another use, too. That ends the session.
   * - The request lacks what the session is bound to.
   * - The request names another `client_id` than that of the session.
   * - Another request refreshed the session at the same time, with `refreshToken.grace: '0s'`.
   * - A risk rule ended the session, or asks for a step-up that your user provider does not offer.
   *
   * @session Usually the session is over, and the answer clears the cookie. It lives if the binding was missing, if
   * another client was named, if another request came first, or if a step-up is not possible. Then the cookie stays, and
   * `AuthError.sessionLives` is true.
   * @client Forget the refresh token, and let the user sign in.
   * @source RFC 6749 §5.2
   */
  invalid_grant: [401, 'The refresh token is not valid. Sign in again.'],
  /**
   * A guarded route was called without an access token.
   *
   * @session Nothing changed.
   * @client Send the access token, or let the user sign in.
   * @source RFC 6750 §3
   */
  unauthorized: [401, 'An access token is required.'],
  /**
   * The access token is malformed, forged, or from another server. Or it is bound, and came in the wrong scheme,
   * without its client certificate, or without its cookie.
   *
   * @session Nothing changed. If the session lives, its refresh token is still good.
   * @client Refresh once. If the new token is refused too, let the user sign in.
   * @source RFC 6750 §3.1
   */
  invalid_token: [401, 'The access token is not valid.'],
  /**
   * The access token has expired.
   *
   * @session Nothing changed. If the session lives, its refresh token is still good.
   * @client Refresh, and send the request again.
   * @source RFC 6750 §3.1
   */
  token_expired: [401, 'The access token has expired. Refresh it.'],
  /**
   * The session of the access token has ended.
   *
   * @session The session is over, and so is its refresh token.
   * @client Let the user sign in.
   * @source RFC 6750 §3.1
   */
  token_revoked: [401, 'The session has ended. Sign in again.'],
  /**
   * The permissions of the user have changed since the access token was issued.
   *
   * @session The session goes on, and the refresh token is still good.
   * @client Refresh, and send the request again.
   * @source RFC 6750 §3.1
   */
  token_stale: [401, 'The permissions have changed. Refresh the access token.'],
  /**
   * A refresh has to wait until the user authenticates again. A risk rule asks for it, or the device has changed and
   * `binding.fingerprint.onMismatch` is `'step_up'`.
   *
   * @session The refresh token is still good.
   * @client Ask the user for the password, and call `POST /auth/step-up`.
   */
  step_up_required: [401, 'Authenticate again with POST /auth/step-up. The refresh token is still good.'],
  /**
   * The route has `@StepUp`, or it ends other sessions and `refreshToken.stepUpToEndSessions` is set. The last
   * authentication of the user is too old for it, or of another class. In the header `WWW-Authenticate`, `max_age` is the
   * limit in seconds, and `acr_values` are the classes of which one is enough.
   *
   * @session The refresh token is still good.
   * @client Ask the user for the password or the other proof, call `POST /auth/step-up`, and send the request again with
   * the new access token.
   * @source RFC 9470 §3
   */
  insufficient_user_authentication: [401, 'This needs a more recent or a stronger authentication: POST /auth/step-up.'],
  /**
   * The route has `@Scopes`, and the access token lacks one of these scopes. `scope` in the header `WWW-Authenticate`
   * names all that the route needs.
   *
   * @session Nothing changed. A refresh brings no other scopes.
   * @client Do without it, or let the user sign in again, and ask for these scopes then.
   * @source RFC 6750 §3.1
   */
  insufficient_scope: [403, 'The access token lacks a scope that this needs.'],
  /**
   * The user has `refreshToken.maxSessionsPerUser` sessions, and `refreshToken.onTooManySessions` is `'refuse'`.
   *
   * @session No session began.
   * @client Let the user end a session on another device first.
   */
  session_limit: [403, 'The user has too many sessions. End one of them first.'],
  /**
   * A `Geofence` refuses the address of the client.
   *
   * @session A login began no session. The refresh token is still good.
   * @client Tell the user. Do not sign out: the same token may be accepted from another place.
   */
  region_not_allowed: [403, 'This is not available in your region.'],
  /**
   * The request is understood, and refused. The causes:
   *
   * - The user has none of the roles that the route asks for, or lacks one of its permissions.
   * - A page of another origin sent the request, and used the cookie. Or nobody knows which page sent it, and it used the cookie
   *   of the access token to change something.
   * - A risk rule other than a `Geofence` denies the login or the refresh.
   * - A late answer or a late retry comes from another country than the latest refresh.
   * - A step-up is not possible, because the user provider has no `reauthenticate`.
   * - An administrator acts as the user, and the route has `@NotImpersonated` or `@StepUp`, or would change other sessions of
   *   the user.
   *
   * @session The refresh token is still good.
   * @client Do not repeat the request as it is.
   * @source RFC 9110 §15.5.4
   */
  forbidden: [403, 'This is not allowed.'],
  /**
   * The request came over plain HTTP, and `requireTls` is on.
   *
   * @session Nothing changed. The secrets of this request were sent in plain text.
   * @client Use HTTPS. Behind a proxy that ends TLS, let the application trust the proxy.
   */
  https_required: [403, 'Call this server over HTTPS.'],
  /**
   * The session does not exist, has ended, or belongs to another user. Or events are not stored (`audit.store`), or the
   * path is unknown.
   *
   * @session Nothing changed.
   * @client Do not repeat the request.
   */
  not_found: [404, 'Not found.'],
  /**
   * The refresh token is an older one, and the request that it belongs to has been answered. The answer may have been
   * lost, or this request arrived very late. Or the request has the cookies of several sessions, and the answer removes those that
   * the server did not set.
   *
   * @session The session lives, and nothing changed. The cookie stays.
   * @client If your store has a newer token, drop this one. If it has none, present the token afresh, with a new
   * `idempotency_key`.
   */
  superseded: [409, 'The token has been replaced, and the request that it belongs to has been answered.'],
  /**
   * Too many attempts failed. It needs the `AuthThrottlingModule`.
   *
   * @session The refresh token is still good.
   * @client Wait for the seconds of the header `Retry-After`.
   * @header `Retry-After`: seconds until the next attempt is accepted
   * @source RFC 6585 §4
   */
  too_many_requests: [429, 'Too many attempts. Wait before the next one.'],
  /**
   * An error that the library did not expect, or a user with a wrong field from your user provider. The log has the
   * cause; the answer does not.
   *
   * @session The refresh token may still be good.
   * @client Try again later with the same token.
   */
  server_error: [500, 'The server failed. The error has been logged.'],
  /**
   * The server cannot decide right now. The causes:
   *
   * - The database or the user provider failed, or took too long.
   * - The revocation list of this instance is stale, and `revocation.onStale` is `'refuse'`.
   * - The store of used proofs is not available, and the proof may have been used before.
   * - Other requests changed the session again and again while this one refreshed it.
   *
   * @session The refresh token is still good.
   * @client Wait for the seconds of the header `Retry-After`, and repeat the request with the same token.
   * @header `Retry-After`: seconds until another attempt can help
   * @source RFC 9110 §15.6.4
   */
  temporarily_unavailable: [503, 'The server cannot answer right now. Try again with the same token.'],
} as const satisfies Record<string, readonly [number, string]>;

/** The stable codes of `AuthError`. */
export type AuthErrorCode = keyof typeof ERRORS;
