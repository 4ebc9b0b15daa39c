import { createHash, X509Certificate } from 'node:crypto';
import { createServer, request as httpsRequest } from 'node:https';
import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { generate } from 'selfsigned';
import type { Answer } from './http.js';

/** A certificate that has signed itself, and its key. */
export interface Identity {
  cert: string;
  key: string;
  /** The `x5t#S256` of RFC 8705. */
  thumbprint: string;
}

export function generateIdentity(commonName = 'localhost'): Promise<Identity> {
  return generateIdentityNaming(commonName);
}

/** @param uris its subject alternative names; they may be any text */
export async function generateIdentityNaming(commonName: string, ...uris: string[]): Promise<Identity> {
  const altNames = uris.map((value) => ({ type: 6 as const, value }));
  const { cert, private: key } = await generate([{ name: 'commonName', value: commonName }], {
    keyType: 'ec',
    ...(uris.length > 0 && { extensions: [{ name: 'subjectAltName', altNames }] }),
  });
  return { cert, key, thumbprint: thumbprintOf(new X509Certificate(cert)) };
}

export function thumbprintOf({ raw }: X509Certificate): string {
  return createHash('sha256').update(raw).digest('base64url');
}

/** One request over TLS, with the certificate of the client where one is given; `body` is sent as JSON. */
export function sendOverTls<Body = unknown>(
  method: string,
  url: string,
  { identity, headers = {}, body }: { identity?: Identity; headers?: Record<string, string>; body?: unknown } = {},
): Promise<Answer<Body>> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(url, {
      method,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      cert: identity?.cert,
      key: identity?.key,
      // The server's certificate is not what is tested here. Each request has a connection of its own.
      rejectUnauthorized: false,
      agent: false,
    });
    request.on('error', reject).on('response', (response) => {
      response.on('error', reject);
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      response.on('end', () => {
        const fields = Object.entries(response.headers).flatMap(([name, value]) =>
          [value ?? []].flat().map((one): [string, string] => [name, one]),
        );
        // A proxy answers 502 with a page of its own.
        const isJson = /^application\/json\b/.test(response.headers['content-type'] ?? '');
        const parsed = isJson && text !== '' ? JSON.parse(text) : text;
        resolve({ status: response.statusCode!, headers: new Headers(fields), body: parsed });
      });
    });
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** Ends TLS before an HTTP server, as a load balancer does, and tells it about the client. */
export async function startTlsProxy(
  target: string,
  identity: Identity,
  headersFor: (client: { certificate: X509Certificate | undefined }) => Record<string, string> = () => ({}),
): Promise<{ url: string; close(): Promise<void> }> {
  const { hostname, port } = new URL(target);
  const server = createServer(
    { cert: identity.cert, key: identity.key, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      const socket = request.socket as import('node:tls').TLSSocket;
      const headers = {
        ...request.headers,
        'x-forwarded-proto': 'https',
        'x-forwarded-for': request.socket.remoteAddress,
        'x-forwarded-host': request.headers.host,
        ...headersFor({ certificate: socket.getPeerX509Certificate() }),
        host: 'inside.internal',
      };
      const upstream = httpRequest({ hostname, port, method: request.method, path: request.url, headers }, (answer) => {
        response.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(response);
      });
      upstream.on('error', () => response.writeHead(502).end());
      request.pipe(upstream);
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => new Promise((resolve) => void server.close(() => resolve())),
  };
}
