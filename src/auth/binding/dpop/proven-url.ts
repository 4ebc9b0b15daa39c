import type { HttpRequest } from '../../common/request/http-request.js';

/**
 * The origin and path of a URL, which a proof must match (RFC 9449 §4.3). Both are normalized for comparison (RFC 3986
 * §6.2).
 */
interface ProvenUrl {
  readonly origin: string;
  readonly path: string;
}

/** Matches a host with an optional port, and nothing that could be read as a path. */
const HOST = /^(\[[\da-f:.]+\]|[\w.-]+)(:\d{1,5})?$/i;

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
  const [, path = '/'] = /^https?:\/\/[^/?#\\]+(\/[^?#]*)?/i.exec(text) ?? [];
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return undefined;
  const { origin, username, password } = new URL(text);
  const normal = withoutNeedlessEncoding(path);
  // A URL parser resolves dot segments, but a router may not.
  const hasDots = normal.split(/[/\\]/).some((segment) => segment === '.' || segment === '..');
  return username || password || hasDots ? undefined : { origin, path: normal };
}

function withoutNeedlessEncoding(path: string): string {
  return path.replace(/%[\da-f]{2}/gi, (encoded) => {
    const character = String.fromCharCode(Number.parseInt(encoded.slice(1), 16));
    return /[\w.~-]/.test(character) ? character : encoded.toUpperCase();
  });
}
