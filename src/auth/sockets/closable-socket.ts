import type { AuthErrorCode } from '../common/errors/auth-error-codes.js';
import type { AuthError } from '../common/errors/auth-error.js';

/**
 * A socket of socket.io or of the package ws: the members that are needed to close it.
 *
 * @example
 * const sockets = new Set<ClosableSocket>();
 */
export interface ClosableSocket {
  /** ws only. */
  close?(code: number, reason: string): void;
  /** socket.io only. */
  disconnect?(close: boolean): unknown;
  emit?(event: string, ...values: unknown[]): unknown;
  once(event: string, listener: () => void): unknown;
}

/** Refused for now: a refreshed access token or a new proof opens the socket. */
const REFUSED = 4403;
/** Refused for good: the client must sign in again. Clients of graphql-ws do not reconnect after this code. */
const CLOSED_FOR_GOOD = 4401;
/** The server failed: the same token may work later (IANA registry of close codes). */
const TRY_AGAIN_LATER = 1013;

const FOR_GOOD: ReadonlySet<AuthErrorCode> = new Set(['unauthorized', 'invalid_token', 'token_revoked']);

/**
 * Closes a socket and tells the client why. A socket.io client gets the event `exception` with `{ error,
 * error_description }`. A ws client gets a close code, with the error's code as the reason.
 */
export function closeSocket(socket: ClosableSocket, error: AuthError): void {
  if (socket.disconnect) {
    socket.emit?.('exception', error.getResponse());
    socket.disconnect(true);
  } else {
    socket.close?.(closeCodeOf(error), error.code);
  }
}

function closeCodeOf(error: AuthError): number {
  if (error.getStatus() >= 500) return TRY_AGAIN_LATER;
  return FOR_GOOD.has(error.code) ? CLOSED_FOR_GOOD : REFUSED;
}

/** Calls the listener once the socket is closed, by either side. */
export function onceClosed(socket: ClosableSocket, listener: () => void): void {
  socket.once(socket.disconnect ? 'disconnect' : 'close', listener);
}
