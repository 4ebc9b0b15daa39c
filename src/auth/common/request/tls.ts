import { AuthError } from '../errors/auth-error.js';
import { boolean } from '../options/checks.js';
import { configOf } from '../options/config.js';
import type { HttpRequest } from './http-request.js';
import { MessageRequest } from './message-request.js';

/** Transport security of the requests. */
export class TlsOptions {
  /**
   * Whether HTTP requests without TLS are refused. By default they are if `NODE_ENV` is `production`. Sockets and messages of
   * microservices are not checked, because no adapter applies its trust in proxies to them.
   */
  requireTls?: boolean = undefined;
}

export class TlsConfig extends configOf('', TlsOptions, {
  requireTls: (name, given) => boolean(name, given ?? process.env.NODE_ENV === 'production'),
}) {}

/** Refuses plain HTTP if TLS is required. It does not redirect, because the secret has already been exposed. */
export function assertTls(request: HttpRequest, { requireTls }: TlsConfig): void {
  // Adapters do not apply their proxy trust to sockets. So only the host can know how a socket was opened.
  if (request instanceof MessageRequest) return;
  if (requireTls && request.protocol !== 'https') throw new AuthError('https_required');
}
