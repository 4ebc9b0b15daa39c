/** The common part of Express and Fastify requests that the library reads. */
export interface HttpRequest {
  readonly method: string;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body?: unknown;
  /** The parameters of the path. */
  readonly params?: unknown;
  readonly ip?: string;
  /** `https` also if a TLS proxy that the host trusts says so (`trust proxy`, `trustProxy`). */
  readonly protocol: string;
  /** The host with its port, as the client sent it, even through a proxy that the host trusts. */
  readonly host?: string;
  /** Path and query before any router changed them. */
  readonly originalUrl?: string;
  readonly url: string;
  readonly socket?: ClientSocket;
  user?: unknown;
}

/** The connection to the client, or to the nearest proxy. */
export interface ClientSocket {
  readonly remoteAddress?: string;
  /** On a TLS connection, the certificate of the peer, with its DER in `raw`. */
  getPeerCertificate?(): { raw?: Buffer } | null;
}

/** The common part of Express and Fastify responses that the library uses. */
export interface HttpResponse {
  header(name: string, value: string | string[]): unknown;
}

/** The value of a header; the first if it was sent twice. */
export function headerOf(request: HttpRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
