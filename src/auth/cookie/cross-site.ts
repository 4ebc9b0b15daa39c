import { AuthError } from '../common/errors/auth-error.js';
import { headerOf, type HttpRequest } from '../common/request/http-request.js';

/**
 * Whether the request comes from the server's own origin, from an allowed origin, or from no page at all. It reads
 * `Sec-Fetch-Site` (Fetch Metadata), or `Origin` if that header is missing.
 *
 * @param allowedOrigins origins that are allowed in addition to the server's own
 */
export function isSameSite(request: HttpRequest, allowedOrigins: readonly string[]): boolean {
  const origin = headerOf(request, 'origin');
  if (origin !== undefined && allowedOrigins.includes(origin)) return true;
  const site = headerOf(request, 'sec-fetch-site');
  return site === undefined ? isOwnOrigin(origin, request) : isOwnSite(site);
}

export function crossSiteRefusal(): AuthError {
  return new AuthError('forbidden', 'A page of another site may not do this.');
}

/**
 * `same-site` is not enough, because another host of the site is not this server. `none` means that the user started
 * the request.
 */
function isOwnSite(site: string): boolean {
  return site === 'same-origin' || site === 'none';
}

/** Behind a proxy that the application does not trust, the scheme is not known: the page may have used TLS. */
function isOwnOrigin(origin: string | undefined, { protocol, host }: HttpRequest): boolean {
  if (origin === undefined) return true;
  return host !== undefined && ['https', protocol].some((scheme) => origin === originOf(`${scheme}://${host}`));
}

function originOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).origin : undefined;
}
