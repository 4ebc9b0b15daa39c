import { AuthError } from '../common/errors/auth-error.js';

/** Stands for the host of the request. */
const HERE = 'https://this-host.invalid';

/**
 * The header `Location` for a page of the application, in its normal form. A page that an attacker has chosen could
 * pretend to be the application.
 *
 * @param redirectTo a path of this host, or a URL of an allowed origin
 * @throws AuthError `invalid_request` for everything else
 */
export function redirectLocation(redirectTo: unknown, allowedOrigins: readonly string[]): string {
  const location = typeof redirectTo === 'string' ? locationOf(redirectTo, allowedOrigins) : undefined;
  if (location !== undefined) return location;
  const allowed = 'a path of this host, or a URL of an origin in cookie.allowedOrigins';
  throw new AuthError('invalid_request', `redirectTo must be ${allowed}.`);
}

function locationOf(redirectTo: string, allowedOrigins: readonly string[]): string | undefined {
  if (URL.canParse(redirectTo)) {
    const { origin, href } = new URL(redirectTo);
    // A `blob:` URL has the origin of the page that made it.
    return allowedOrigins.includes(origin) && href.startsWith(`${origin}/`) ? href : undefined;
  }
  if (!redirectTo.startsWith('/') || !URL.canParse(redirectTo, HERE)) return undefined;
  const { origin, pathname, search, hash } = new URL(redirectTo, HERE);
  // The normal form of `/..//evil.example` names another host.
  return origin === HERE && !pathname.startsWith('//') ? pathname + search + hash : undefined;
}
