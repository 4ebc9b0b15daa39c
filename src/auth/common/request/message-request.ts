import type { IncomingHttpHeaders } from 'node:http';
import type { ClientSocket, HttpRequest } from './http-request.js';

/** The parts of a request that exist when a socket opens, or with a message of a microservice. */
export interface OpeningRequest {
  readonly method?: string;
  readonly url?: string;
  readonly headers?: IncomingHttpHeaders;
  readonly socket?: ClientSocket & { readonly encrypted?: boolean };
}

/** Characters. Far more than an access token with many roles, and the limit of HTTP servers for a header. */
const LONGEST_CREDENTIALS = 16_384;

/**
 * Represents the request if a token comes with the opening of a socket, or with a message. Browsers cannot set headers
 * there. So the token may also come in the connection parameters of the client library.
 */
export class MessageRequest implements HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly protocol: string;
  readonly host: string | undefined;
  readonly ip: string | undefined;
  readonly socket: ClientSocket | undefined;
  user?: unknown;

  /** @param credentials `{ authorization: 'Bearer …' }`, or `{ token }`, or `{ access_token }` */
  constructor({ method = 'GET', url = '/', headers = {}, socket }: OpeningRequest, credentials: unknown) {
    this.method = method;
    this.url = url;
    this.headers = { ...headers, ...headersIn(credentials) };
    this.protocol = socket?.encrypted ? 'https' : 'http';
    this.host = headers.host;
    this.ip = socket?.remoteAddress;
    this.socket = socket;
  }
}

function headersIn(credentials: unknown): IncomingHttpHeaders {
  const token = textIn(credentials, 'token') ?? textIn(credentials, 'access_token');
  const authorization =
    textIn(credentials, 'authorization') ??
    textIn(credentials, 'Authorization') ??
    (token === undefined ? undefined : `Bearer ${token}`);
  const dpop = textIn(credentials, 'dpop');
  return { ...(authorization !== undefined && { authorization }), ...(dpop !== undefined && { dpop }) };
}

function textIn(credentials: unknown, name: string): string | undefined {
  if (typeof credentials !== 'object' || credentials === null || !Object.hasOwn(credentials, name)) return undefined;
  const text = (credentials as Record<string, unknown>)[name];
  return typeof text === 'string' && text !== '' && text.length <= LONGEST_CREDENTIALS ? text : undefined;
}
