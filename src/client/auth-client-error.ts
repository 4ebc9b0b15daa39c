/**
 * An error of the client. `code` is stable. It is a code of the server (`invalid_credentials`, `step_up_required`, …)
 * or one of these:
 *
 * - `temporarily_unavailable`: the server did not answer, or the answer decides nothing (408, 429, 5xx, offline). The
 *   session stays alive; try again later.
 * - `cookie_not_kept`: the browser did not keep the cookie of the refresh token, so the session ends with its access
 *   token. The message says what to change.
 * - `session_changed`: a different user signed in before the request was sent. Nothing was sent.
 * - `invalid_configuration`: an option is not valid. The message says what to write.
 * - `key_missing`: the session is bound to a key (DPoP), but the device has no key, or its store is locked. Nothing was
 *   sent or deleted. Try again, or let the user sign in.
 * - `key_not_kept`: with `dpop({ required: true })`, the device cannot keep a key. The login was not sent.
 *
 * @example
 * try {
 *   await client.login({ username, password });
 * } catch (error) {
 *   if (error instanceof AuthClientError && error.code === 'invalid_credentials') tryAgain();
 * }
 */
export class AuthClientError extends Error {
  constructor(
    readonly code: string,
    message: string,
    /** The HTTP status, if there was a response. */
    readonly status?: number,
    /** Milliseconds to wait before the next attempt, if the server has said so. */
    readonly retryAfter?: number,
    cause?: unknown,
    /** What else the server's answer says. With `mfa_required`: `mfa_ticket`, `methods` and `expires_in` in seconds. */
    readonly details?: { readonly [field: string]: unknown },
  ) {
    super(message, { cause });
    this.name = 'AuthClientError';
  }
}
