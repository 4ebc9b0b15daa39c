import { AuthError } from '../errors/auth-error.js';
import type { ResolvedAuthOptions } from '../../resolve-options.js';
import type { HttpRequest } from './http-request.js';
import { MessageRequest } from './message-request.js';

/** Refuses what came over plain HTTP where TLS is required. No redirect: the secret has already been seen. */
export function assertTls(request: HttpRequest, options: ResolvedAuthOptions): void {
  // Behind a proxy only the host can know how a socket was opened: no adapter applies its trust there.
  if (request instanceof MessageRequest) return;
  if (options.requireTls && request.protocol !== 'https') throw new AuthError('https_required');
}
