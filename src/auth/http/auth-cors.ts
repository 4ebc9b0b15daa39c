import { checkedOrigins } from '../common/options/origins.js';

/**
 * The argument of `app.enableCors(…)`, for Express and Fastify.
 *
 * @example
 * const options: AuthCorsOptions = authCors(['https://app.example']);
 */
export interface AuthCorsOptions {
  origin: string[];
  credentials: true;
  exposedHeaders: string[];
  methods: string[];
}

/**
 * CORS options for pages of other origins that use the auth routes. They allow exactly these origins, with cookies, and
 * expose the response headers that a client reads. They name the methods, because Fastify allows three of them by default. Give the same list to the option `cookie.allowedOrigins`.
 *
 * @param origins as browsers send them, for example `https://app.example`; neither `*` nor `null` (Fetch §3.2: they do
 *   not work with credentials)
 * @throws AuthConfigurationError for an entry that is not an origin
 * @example
 * app.enableCors(authCors(['https://app.example']));
 */
export function authCors(origins: string[]): AuthCorsOptions {
  return {
    origin: [...checkedOrigins('authCors', origins)],
    credentials: true,
    exposedHeaders: ['DPoP-Nonce', 'Retry-After', 'WWW-Authenticate'],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
  };
}
