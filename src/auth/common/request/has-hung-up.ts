import type { HttpRequest } from './http-request.js';

/** The part of a connection that tells whether an answer can still be sent. The stream of an HTTP/2 request has it too. */
interface Connection {
  readonly destroyed?: boolean;
  readonly writable?: boolean;
}

/**
 * Whether the client has closed its connection, so that no answer can reach it. A client that has only ended its side
 * counts too, because Node.js then ends the other side. It is `false` if the request has no connection, for example
 * that of `inject` of Fastify, or a message of a microservice.
 */
export function hasHungUp(request: HttpRequest): boolean {
  try {
    const { destroyed, writable } = (request.socket ?? {}) as Connection;
    return destroyed === true || writable === false;
  } catch {
    // A host may pass a request of its own making.
    return false;
  }
}
