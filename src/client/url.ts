/**
 * The origin of a web URL, and nothing else: lower-case scheme and host, and a port. The host is a name, four numbers, or
 * an address of IPv6. A name that ends in a number, as `0x7f.1`, means an address. A user name, a host in other letters, a
 * host with escapes: what sends the request may read these in a different way.
 */
const ORIGIN =
  /^https?:\/\/(?:(?:[a-z\d_-]+\.)*(?!0x|\d+\.?(?:[:/?#]|$))[a-z\d_-]+\.?|(?:(?:0|[1-9]\d*)(?:\.(?=\d)|(?=[:/?#]|$))){4}|\[[\da-f:.]+\])(?::[1-9]\d*)?(?=[/?#]|$)/;
const WEB = /^(https?):(?:\/\/([^/?#]*)([^?#]*)(.*))?/i;
const DEFAULT_PORT = /^(http:.*):80$|^(https:.*):443$/;

/**
 * Makes an absolute URL in its normal form, as `new URL(input, base).href` does.
 *
 * The `URL` of React Native cannot: it lets `..` stand, adds slashes, and knows no origin. There, this function does the
 * part that a client needs. A URL with something that parsers read in different ways is refused, or stays as it is. It
 * then has no {@link originOf origin}.
 *
 * @param base an absolute URL in its normal form
 * @throws TypeError for a text that is not a URL
 */
export function absoluteUrl(input: string, base?: string): string {
  return isComplete() ? new URL(input, base).href : resolved(input, base);
}

/**
 * The origin of an absolute URL in its normal form (RFC 6454 §4). It is empty if there is any doubt: then the URL
 * belongs to a stranger.
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

function resolved(input: string, base: string | undefined): string {
  const text = input.replace(/^[\0- ]+|[\0- ]+$/g, '');
  // Some parsers drop tabs and line ends; some take a backslash for a slash.
  if (/^[^?#]*[\0-\x1f\\]/.test(text)) throw invalid(input);
  if (/^[a-z][a-z\d+.-]*:/i.test(text)) return normal(text);
  const [, scheme, host, path] = (base && WEB.exec(base)) || [];
  if (!host) throw invalid(input);
  const origin = `${scheme}://${host}`;
  if (text.startsWith('//')) return normal(`${scheme}:${text}`);
  if (text.startsWith('/')) return normal(origin + text);
  if (/^[?#]|^$/.test(text)) return normal((text[0] === '?' ? origin + path : base!.replace(/#.*/, '')) + text);
  return normal(origin + path!.replace(/[^/]*$/, '') + text);
}

/** What is not of the web is not ours to read, for example `data:` and `content:`. */
function normal(url: string): string {
  const parts = WEB.exec(url);
  if (!parts) return url;
  const [, scheme, host, path, rest] = parts;
  if (!host) throw invalid(url);
  const start = `${scheme}://${host}`.toLowerCase().replace(DEFAULT_PORT, '$1$2');
  // In doubt it is left as it is: a stranger's.
  return originOf(start) === start ? start + escaped(withoutDots(path!) + rest) : url;
}

/** Resolves `.` and `..` (RFC 3986 §5.2.4). */
function withoutDots(path: string): string {
  const kept: string[] = [];
  const segments = path.split('/').slice(1);
  segments.forEach((segment, index) => {
    const dots = segment.replace(/%2e/gi, '.');
    if (dots === '..') kept.pop();
    if (dots !== '.' && dots !== '..') kept.push(segment);
    else if (index === segments.length - 1) kept.push('');
  });
  return `/${kept.join('/')}`;
}

const escaped = (text: string): string => text.replace(/[^!-~]+/g, encodeURIComponent);

const invalid = (input: string): TypeError => new TypeError(`Invalid URL: ${input}`);
