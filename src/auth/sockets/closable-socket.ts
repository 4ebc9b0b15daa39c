import type { AuthError, AuthErrorCode } from '../common/errors/auth-error.js';

/** What sockets of socket.io and of the package ws have in common, as far as they are closed here. */
export interface ClosableSocket {
  /** Of ws. */
  close?(code: number, reason: string): void;
  /** Of socket.io. */
  disconnect?(close: boolean): unknown;
  emit?(event: string, ...values: unknown[]): unknown;
  once(event: string, listener: () => void): unknown;
}

/** Refused, but not for good: another token, which a refresh brings, or another proof, opens the socket. */
const REFUSED = 4403;
/** There is nothing that a client could do but sign in. Clients of graphql-ws do not try again by themselves. */
const CLOSED_FOR_GOOD = 4401;
/** The server's own fault: the same token may be good in a while (the IANA registry of close codes). */
const TRY_AGAIN_LATER = 1013;

const FOR_GOOD: ReadonlySet<AuthErrorCode> = new Set(['unauthorized', 'invalid_token', 'token_revoked']);

/**
 * Closes a socket and says why: to socket.io by the event `exception` with `{ error, error_description }`, else by the
 * close code, with the error's code as the reason.
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

/** Calls back once the socket is closed, by whomever. */
export function onceClosed(socket: ClosableSocket, listener: () => void): void {
  socket.once(socket.disconnect ? 'disconnect' : 'close', listener);
}
