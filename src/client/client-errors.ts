import { AuthClientError } from './auth-client-error.js';

export const UNAVAILABLE = 'temporarily_unavailable';

/** Nothing is decided: the session goes on. */
export function unavailable(message: string, status?: number, retryAfter?: number, cause?: unknown): AuthClientError {
  return new AuthClientError(UNAVAILABLE, message, status, retryAfter, cause);
}

/** The server, or a different process, has finished this use of the token. */
export const SUPERSEDED = 'superseded';
export function superseded(): AuthClientError {
  return new AuthClientError(SUPERSEDED, 'There is a newer token.');
}

/** @param message says what to write */
export function invalidConfiguration(message: string): AuthClientError {
  return new AuthClientError('invalid_configuration', message);
}

/** @param hasStore whether the refresh token must be in the body; otherwise it must not */
export function invalidTokens(hasStore: boolean): AuthClientError {
  const where = hasStore ? 'have' : 'not have';
  return new AuthClientError('invalid_response', `The tokens must ${where} a refresh_token, and all other fields.`);
}

/** Nothing was sent. */
export function sessionChanged(): AuthClientError {
  return new AuthClientError('session_changed', 'A different session has begun. The request was not sent.');
}

export function cookieNotKept(status: number | undefined): AuthClientError {
  const message =
    'The browser did not keep the cookie of the refresh token. Open the page on the same site as the server (localhost ' +
    'is not 127.0.0.1), and by HTTPS or on localhost. Check the options `cookie` of the server.';
  return new AuthClientError('cookie_not_kept', message, status);
}

/** The login must not be sent. */
export function keyNotKept(message: string, cause: unknown): AuthClientError {
  return new AuthClientError('key_not_kept', message, undefined, undefined, cause);
}

export function keyMissing(): AuthClientError {
  return new AuthClientError('key_missing', 'This device has no key, but the session is bound to one.');
}
