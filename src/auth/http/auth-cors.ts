import { checkedOrigins } from '../common/options/origins.js';

/** What `app.enableCors(…)` takes, on Express and on Fastify. */
export interface AuthCorsOptions {
  origin: string[];
  credentials: true;
  exposedHeaders: string[];
}

/**
 * CORS for pages of other origins that use the auth routes: exactly these origins, with cookies, and with the response
 * headers that a client needs. The option `cookie.allowedOrigins` takes the same list.
 *
 * @param origins as browsers send them; a wildcard or `null` is refused (Fetch, §3.2: neither goes with credentials)
 * @throws AuthConfigurationError
 * @example
 * app.enableCors(authCors(['https://app.example']));
 */
export function authCors(origins: string[]): AuthCorsOptions {
  return {
    origin: [...checkedOrigins('authCors', origins)],
    credentials: true,
    exposedHeaders: ['DPoP-Nonce', 'Retry-After', 'WWW-Authenticate'],
  };
}
