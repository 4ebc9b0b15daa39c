import type { EventEmitter } from 'node:events';
import type { AuthError } from '../common/errors/auth-error.js';

/** What a response of `node:http` and one of `node:http2` have in common. */
export interface RawResponse extends EventEmitter {
  readonly headersSent: boolean;
  readonly statusCode: number;
  readonly writableEnded: boolean;
  readonly destroyed?: boolean;
  /** HTTP/2 only. */
  readonly stream?: { readonly destroyed: boolean; close(code: number): void };
  /** The headers as sent. HTTP/1 only; `getHeader` does not know those that only `writeHead` got. */
  readonly _header?: string | null;
  getHeader(name: string): unknown;
  writeHead(status: number, ...rest: unknown[]): unknown;
  write(text: string): boolean;
  end(): unknown;
  destroy(): unknown;
}

/** CANCEL (RFC 9113 §7): the stream is not needed any more. */
const CANCEL = 0x8;
/** Milliseconds that a client has to read the end of a stream. */
const LONGEST_END = 1_000;

/** Fastify wraps the response of Node.js. Express extends it. */
export function rawResponse(response: object): RawResponse {
  return (response as { raw?: RawResponse }).raw ?? (response as RawResponse);
}

/** Whether the response needs nothing more of the application. That of a unit test may not be a stream at all. */
export function isOver(raw: RawResponse): boolean {
  if (typeof raw.once !== 'function') return true;
  return raw.writableEnded || (raw.stream?.destroyed ?? raw.destroyed ?? false);
}

/** Whether a part of the answer has been sent, and not all of it. */
export function isStreaming(raw: RawResponse): boolean {
  return raw.headersSent && !isOver(raw);
}

/** Whether it sends server-sent events. */
export function isEventStream(raw: RawResponse): boolean {
  const type = raw.getHeader('content-type') ?? /^content-type: *(.*)$/im.exec(raw._header ?? '')?.[1];
  return String(type).startsWith('text/event-stream');
}

/**
 * Lets the connection of HTTP/1 end with an `@Sse()` response, and says so in its headers. Nest ends the subscription only
 * when the connection closes, and writes `keep-alive`. A proxy that took its word would lose the next request.
 */
export function closeWithEvents(raw: RawResponse): void {
  if (raw.stream || typeof raw.writeHead !== 'function') return;
  const writeHead = raw.writeHead.bind(raw);
  raw.writeHead = (status, ...rest) => {
    const headers = rest.at(-1);
    const isOfEvents = typeof headers === 'object' && headers !== null && 'Content-Type' in headers;
    return writeHead(status, ...(isOfEvents ? [...rest.slice(0, -1), { ...headers, Connection: 'close' }] : rest));
  };
}

/**
 * Ends a response that is being sent. Server-sent events end as if they were complete, so that the client connects
 * again. Anything else is cut off, so that the client does not take a part for the whole.
 *
 * @param error is sent as the event `exception`, as to a socket
 */
export function endStream(raw: RawResponse, error?: AuthError): void {
  if (!isEventStream(raw)) return cut(raw);
  // The application may write until it learns of the end.
  raw.on('error', () => undefined);
  // Its reader may be too slow.
  const timer = setTimeout(() => cut(raw), LONGEST_END).unref();
  raw.once('close', () => clearTimeout(timer));
  if (error) raw.write(`\n\nevent: exception\ndata: ${JSON.stringify(error.getResponse())}\n\n`);
  raw.end();
}

function cut(raw: RawResponse): void {
  if (raw.stream) raw.stream.close(CANCEL);
  else raw.destroy();
}
