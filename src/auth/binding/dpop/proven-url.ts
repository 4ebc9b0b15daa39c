import type { HttpRequest } from '../../common/request/http-request.js';

/** Origin and path: what counts of a URL (RFC 9449 §4.3), in the one form in which URLs are compared (RFC 3986 §6.2). */
interface ProvenUrl {
  readonly origin: string;
  readonly path: string;
}

/** A host and a port, and nothing that could be taken for a path. */
const HOST = /^(\[[\da-f:.]+\]|[\w.-]+)(:\d{1,5})?$/i;

/**
 * The URL of a request as its client knows it, for the claim `htu`. Scheme and host are those that the host application
 * believes, which without a proxy is what the client says: set `publicUrl` wherever a client may talk to other servers, too.
 *
 * @returns `undefined` where the request has none that a proof could be for
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
  // A router may not resolve what a URL parser does.
  const hasDots = normal.split(/[/\\]/).some((segment) => segment === '.' || segment === '..');
  return username || password || hasDots ? undefined : { origin, path: normal };
}

function withoutNeedlessEncoding(path: string): string {
  return path.replace(/%[\da-f]{2}/gi, (encoded) => {
    const character = String.fromCharCode(Number.parseInt(encoded.slice(1), 16));
    return /[\w.~-]/.test(character) ? character : encoded.toUpperCase();
  });
}
