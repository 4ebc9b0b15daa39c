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

/** Refuses what came over plain HTTP where TLS is required. No redirect: the secret has already been seen. */
export function assertTls(request: HttpRequest, { requireTls }: TlsConfig): void {
  // Behind a proxy only the host can know how a socket was opened: no adapter applies its trust there.
  if (request instanceof MessageRequest) return;
  if (requireTls && request.protocol !== 'https') throw new AuthError('https_required');
}
