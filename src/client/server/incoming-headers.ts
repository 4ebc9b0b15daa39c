/**
 * The headers of an incoming request: a `Headers` of the Fetch API, or `request.headers` of Node.js.
 *
 * @example
 * const headers: IncomingHeaders = { 'user-agent': 'Mozilla/5.0' };
 */
export type IncomingHeaders =
  { get(name: string): string | null } | Readonly<Record<string, string | readonly string[] | undefined>>;

/** The value of a header; the first if it was sent twice. */
export function headerIn(headers: IncomingHeaders, name: string): string | undefined {
  if (typeof headers.get === 'function') return headers.get(name) ?? undefined;
  // Some platforms keep the case of the names.
  const [, value] = Object.entries(headers).find(([key]) => key.toLowerCase() === name) ?? [];
  return typeof value === 'object' ? value[0] : value;
}

/**
 * Whether a page of another origin made the browser send this request with the cookie. `SameSite=Strict` leaves only
 * hosts of the same site. A link is allowed: browsers send no `Origin` with it.
 */
export function isOfForeignPage(headers: IncomingHeaders, pageOrigins: readonly string[]): boolean {
  const origin = headerIn(headers, 'origin');
  if (origin !== undefined && pageOrigins.includes(origin)) return false;
  const site = headerIn(headers, 'sec-fetch-site');
  if (site === undefined) return origin !== undefined && !hostsOf(headers).includes(origin.replace(/^https?:\/\//, ''));
  if (site === 'same-origin' || site === 'none') return false;
  return origin !== undefined || headerIn(headers, 'sec-fetch-mode') !== 'navigate';
}

/** The host that the browser has asked, perhaps by a proxy. A page cannot set these headers. */
function hostsOf(headers: IncomingHeaders): (string | undefined)[] {
  return [headerIn(headers, 'host'), headerIn(headers, 'x-forwarded-host')];
}
