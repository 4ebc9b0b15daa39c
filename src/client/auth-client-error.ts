/**
 * What the client cannot do. `code` is stable: one of the server's (`invalid_credentials`, `step_up_required`, …), or
 *
 * - `temporarily_unavailable`: no answer, or none that decides anything (429, 5xx, offline). The session lives; try later.
 * - `invalid_configuration`: an option that makes no sense. The message says what to write.
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
    /** The HTTP status, where there was an answer. */
    readonly status?: number,
    /** Milliseconds after which trying again can help, where the server has said so. */
    readonly retryAfter?: number,
    cause?: unknown,
  ) {
    super(message, { cause });
    this.name = 'AuthClientError';
  }
}
