/** What requests of Express and of Fastify have in common, as far as the library reads them. */
export interface HttpRequest {
  readonly method: string;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body?: unknown;
  readonly ip?: string;
  /** `https` also behind a TLS proxy that the host trusts (`trust proxy`, `trustProxy`). */
  readonly protocol: string;
  /** With the port; what the client wrote also behind a proxy that the host trusts. */
  readonly host?: string;
  /** Path and query, before any router has taken something off. */
  readonly originalUrl?: string;
  readonly url: string;
  readonly socket?: ClientSocket;
  user?: unknown;
}

/** The connection, to the client or to the proxy before us. */
export interface ClientSocket {
  readonly remoteAddress?: string;
  /** Of a TLS connection: the certificate that the other end has shown, DER in `raw`. */
  getPeerCertificate?(): { raw?: Buffer } | null;
}

/** What responses of Express and of Fastify have in common. */
export interface HttpResponse {
  header(name: string, value: string | string[]): unknown;
}

/** One value of a header; of a header that came twice, the first. */
export function headerOf(request: HttpRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
