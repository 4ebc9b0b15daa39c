/**
 * An error of the client. `code` is stable. It is a code of the server (`invalid_credentials`, `step_up_required`, …)
 * or one of these:
 *
 * - `temporarily_unavailable`: the server did not answer, or the answer decides nothing (408, 429, 5xx, offline). The
 *   session stays alive; try again later.
 * - `session_changed`: a different session began while the request waited for a token. Nothing was sent.
 * - `invalid_configuration`: an option is not valid. The message says what to write.
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
  ) {
    super(message, { cause });
    this.name = 'AuthClientError';
  }
}
