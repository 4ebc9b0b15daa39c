import type { IncomingMessage, ServerResponse } from 'node:http';
import { AuthError } from 'nestjs-refresh-token';
import { securityHeaders } from './security-headers.js';

/** No parameter is too long for a route to say itself that there is no such thing: a request has 16 KiB of headers at most. */
const LONGEST_PARAMETER = 16_384;

/** What Fastify refuses before any route or filter has seen it, such as a URL that cannot be decoded, is answered as they do. */
export const FASTIFY_OPTIONS = {
  routerOptions: { maxParamLength: LONGEST_PARAMETER },
  frameworkErrors(_: unknown, request: { raw: IncomingMessage }, { raw: response }: { raw: ServerResponse }): void {
    const error = new AuthError('invalid_request');
    securityHeaders(request.raw, response, () => undefined);
    response.writeHead(error.getStatus(), { 'Cache-Control': 'no-store', 'Content-Type': 'application/json' });
    response.end(JSON.stringify(error.getResponse()));
  },
};

/** What Express takes for no body is none here either, though some clients name its type on every request. */
export function typeOfNothing({ headers }: IncomingMessage, _: unknown, done: () => void): void {
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = headers;
  if (length === '0' && encoding === undefined) delete headers['content-type'];
  done();
}
