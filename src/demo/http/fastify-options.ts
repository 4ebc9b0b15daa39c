import type { IncomingMessage, ServerResponse } from 'node:http';
import { AuthError } from 'nestjs-refresh-token';
import { securityHeaders } from './security-headers.js';

/** The most that a request can have in its headers, so that a route itself can answer 404 for a long parameter. */
const LONGEST_PARAMETER = 16_384;

/** Milliseconds that a client has to send a request. Fastify sets no limit by default, and Node.js sets 300 seconds. */
export const REQUEST_TIMEOUT = 30_000;

/** Fastify refuses some requests before any route or filter sees them, for example a URL that cannot be decoded. They get the usual form. */
export const FASTIFY_OPTIONS = {
  requestTimeout: REQUEST_TIMEOUT,
  http: { connectionsCheckingInterval: 1_000 },
  routerOptions: { maxParamLength: LONGEST_PARAMETER },
  frameworkErrors(_: unknown, request: { raw: IncomingMessage }, { raw: response }: { raw: ServerResponse }): void {
    const error = new AuthError('invalid_request');
    securityHeaders(request.raw, response, () => undefined);
    response.writeHead(error.getStatus(), { 'Cache-Control': 'no-store', 'Content-Type': 'application/json' });
    response.end(JSON.stringify(error.getResponse()));
  },
};

/** Treats the same requests as empty that Express does. Some clients send a content type with every request. */
export function typeOfNothing({ headers }: IncomingMessage, _: unknown, done: () => void): void {
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = headers;
  if (length === '0' && encoding === undefined) delete headers['content-type'];
  done();
}
