/**
 * The origin of a web URL, and nothing else: lower-case scheme and host, and a port. A user name, a host in other
 * letters, a host with escapes: what sends the request may read these in a different way. Without them, equal texts go to
 * equal servers.
 */
const ORIGIN = /^https?:\/\/(?:[a-z\d._-]+|\[[\da-f:.]+\])(?::\d+)?(?=[/?#]|$)/;

/**
 * Makes an absolute URL, as `new URL(input, base).href` does.
 *
 * The `URL` of React Native cannot: it lets `..` stand, adds slashes, and knows no origin. There, this function puts
 * a relative URL behind a part of `base`, and nothing more: what sends the request resolves `..` and escapes letters. An
 * absolute URL stays as it is.
 *
 * @param base an absolute URL
 * @throws TypeError for a text that is not a URL, or that parsers read in different ways
 */
export function absoluteUrl(input: string, base?: string): string {
  return isComplete() ? new URL(input, base).href : resolved(input, base);
}

/**
 * The origin of an absolute URL (RFC 6454 §4), in the spelling of the URL. It is empty if there is any doubt: then the URL
 * belongs to a stranger. So does, in React Native, a URL with its host in upper case. One with a default port (`:443`) is
 * of a different origin than the one without it.
 */
export function originOf(url: string): string {
  return ORIGIN.exec(url)?.[0] ?? '';
}

/** Whether the platform has a whole `URL`. Asked each time, because an application may load a polyfill late. */
function isComplete(): boolean {
  try {
    return new URL('../b?c#d', 'HTTP://A.b:80/x/y').href === 'http://a.b/b?c#d';
  } catch {
    return false;
  }
}

function resolved(input: string, base = ''): string {
  const text = input.trim();
  const [, origin, scheme, folder = '/'] = /^((https?:)\/\/[^/?#]+)([^?#]*\/)?/.exec(base) ?? [];
  const isAbsolute = /^[a-z][a-z\d+.-]*:/i.test(text);
  // Some parsers drop tabs and line ends; some take a backslash for a slash.
  if (/^[^?#]*[\0-\x1f\\]/.test(text) || !(isAbsolute || origin)) throw new TypeError(`Invalid URL: ${input}`);
  if (isAbsolute) return text;
  if (text.startsWith('//')) return scheme + text;
  return origin + (text.startsWith('/') ? text : folder + text);
}
