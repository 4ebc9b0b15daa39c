import { AuthError } from '../common/errors/auth-error.js';
import { headerOf, type HttpRequest } from '../common/request/http-request.js';
import { MessageRequest } from '../common/request/message-request.js';

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

/**
 * Whether the request may be authenticated by the cookie of the access token. Any page can make a browser send it, also to
 * routes that change something and by a socket. So more is required than for the routes of this module:
 *
 * - The server's own origin and the allowed origins may do everything.
 * - Any other page may link to a page of the server: a navigation of the whole window, which reads only.
 * - Without `Sec-Fetch-Site` and `Origin` nothing is known of the page, so the request may only read. Browsers send
 *   `Origin` with everything else, and with each socket.
 */
export function mayUseAccessTokenCookie(request: HttpRequest, allowedOrigins: readonly string[]): boolean {
  const origin = headerOf(request, 'origin');
  const isUnknown = origin === undefined && headerOf(request, 'sec-fetch-site') === undefined;
  if (isUnknown) return readsOnly(request);
  return isSameSite(request, allowedOrigins) || (origin === undefined && readsOnly(request) && isNavigation(request));
}

/** A socket goes on to do anything. */
function readsOnly(request: HttpRequest): boolean {
  return ['GET', 'HEAD'].includes(request.method) && !(request instanceof MessageRequest);
}

/** The user sees the page in the address bar, unlike that of a frame. */
function isNavigation(request: HttpRequest): boolean {
  return headerOf(request, 'sec-fetch-mode') === 'navigate' && headerOf(request, 'sec-fetch-dest') === 'document';
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
