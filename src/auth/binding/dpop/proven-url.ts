import type { HttpRequest } from '../../common/request/http-request.js';

/**
 * The origin and path of a URL, which a proof must match (RFC 9449 §4.3). Both are normalized for comparison (RFC 3986
 * §6.2).
 */
interface ProvenUrl {
  readonly origin: string;
  readonly path: string;
}

/** A host with an optional port, and nothing that could be read as a path. */
const AUTHORITY = String.raw`(?:\[[\da-f:.]+\]|[\w.-]+)(?::\d{1,5})?`;
const HOST = new RegExp(`^${AUTHORITY}$`, 'i');
/**
 * A whole URL (RFC 3986 §4.3). A URL parser accepts more: it removes line breaks, trims spaces and reads a backslash as a
 * slash. Browsers do not encode all of `|^[]` in a path.
 */
const HTTP_URL = new RegExp(
  String.raw`^https?://${AUTHORITY}(?<path>/[\w.~!$&'()*+,;=:@%/|^[\]-]*)?(?:[?#][!-[\]-~]*)?$`,
  'i',
);

/**
 * The URL of a request as its client knows it, for the claim `htu`. It uses the scheme and host that the host
 * application trusts. Without a proxy, the client chooses that host. So set `publicUrl` if a client may also talk to
 * other servers.
 *
 * @returns `undefined` if the request has no URL that a proof could name
 */
export function urlOf(request: HttpRequest, publicUrl: string | undefined): string | undefined {
  const path = (request.originalUrl ?? request.url).split(/[?#]/, 1)[0];
  if (!path.startsWith('/')) return undefined;
  if (publicUrl !== undefined) return publicUrl.replace(/\/$/, '') + path;
  const { protocol, host = '' } = request;
  return /^https?$/.test(protocol) && HOST.test(host) ? `${protocol}://${host}${path}` : undefined;
}

/** Whether a proof's `htu` names the URL of its request; query and fragment do not count. */
export function provesUrl(htu: string, url: string): boolean {
  const [claimed, actual] = [provenUrl(htu), provenUrl(url)];
  return claimed !== undefined && claimed.origin === actual?.origin && claimed.path === actual.path;
}

function provenUrl(text: string): ProvenUrl | undefined {
  const { groups } = HTTP_URL.exec(text) ?? {};
  if (!groups || !URL.canParse(text)) return undefined;
  const path = withoutNeedlessEncoding(groups.path ?? '/');
  // A URL parser resolves dot segments, but a router may not.
  const hasDots = path.split('/').some((segment) => segment === '.' || segment === '..');
  return hasDots ? undefined : { origin: new URL(text).origin, path };
}

function withoutNeedlessEncoding(path: string): string {
  return path.replace(/%[\da-f]{2}/gi, (encoded) => {
    const character = String.fromCharCode(Number.parseInt(encoded.slice(1), 16));
    return /[\w.~-]/.test(character) ? character : encoded.toUpperCase();
  });
}
