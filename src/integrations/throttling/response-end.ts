import type { EventEmitter } from 'node:events';
import type { HttpRequest } from '../../auth/common/request/http-request.js';
import type { RawResponse } from '../../auth/streams/open-response.js';

/** What to call when a connection closes. A client may send many requests on one. */
const callsOf = new WeakMap<object, Set<() => void>>();

/**
 * Calls `answered` with the status when the answer begins, and `closed` when nothing more can be sent. Either may come
 * alone. A response waits for those before it on its connection. If the connection closes meanwhile, it emits nothing.
 */
export function onEnd(
  request: HttpRequest,
  raw: RawResponse,
  answered: (status: number) => void,
  closed: () => void,
): void {
  const writeHead = raw.writeHead.bind(raw);
  raw.writeHead = (status, ...rest) => {
    answered(status);
    return writeHead(status, ...rest);
  };
  raw.once('close', closed);
  const socket = request.socket as (EventEmitter & typeof request.socket) | undefined;
  if (raw.stream || typeof socket?.once !== 'function') return;
  const calls = callsAtCloseOf(socket);
  calls.add(closed);
  raw.once('close', () => calls.delete(closed));
}

function callsAtCloseOf(socket: EventEmitter): Set<() => void> {
  const known = callsOf.get(socket);
  if (known) return known;
  const calls = new Set<() => void>();
  callsOf.set(socket, calls);
  socket.once('close', () => calls.forEach((call) => call()));
  return calls;
}
