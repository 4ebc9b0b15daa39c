import { AuthError } from '../common/errors/auth-error.js';
import { headerOf, type HttpRequest } from '../common/request/http-request.js';

/**
 * Whether a page of the server's own, or of an allowed origin, has sent the request, or no page at all: by
 * `Sec-Fetch-Site` (Fetch Metadata), else by `Origin`.
 *
 * @param allowedOrigins origins whose pages may, beside the server's own
 */
export function isSameSite(request: HttpRequest, allowedOrigins: readonly string[]): boolean {
  const origin = headerOf(request, 'origin');
  if (origin !== undefined && allowedOrigins.includes(origin)) return true;
  const site = headerOf(request, 'sec-fetch-site');
  return site === undefined ? isOwnOrigin(origin, request.host) : isOwnSite(site);
}

export function crossSiteRefusal(): AuthError {
  return new AuthError('forbidden', 'A page of another site may not do this.');
}

/** `same-site` is not enough: a sister host is not the server. `none` is the user's own doing. */
function isOwnSite(site: string): boolean {
  return site === 'same-origin' || site === 'none';
}

function isOwnOrigin(origin: string | undefined, host: string | undefined): boolean {
  if (origin === undefined) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}
