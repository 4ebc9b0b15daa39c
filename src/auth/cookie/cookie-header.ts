import { parseCookie, stringifySetCookie } from 'cookie';
import { headerOf, type HttpRequest } from '../common/request/http-request.js';
import type { CookieConfig } from './cookie-options.js';

/** Seconds. Browsers limit cookies to 400 days (RFC 6265bis §5.5). */
export const LONGEST_MAX_AGE = 400 * 24 * 60 * 60;

/** The value of a cookie of the request; `undefined` if it has none, or an empty one. The first, if there are several. */
export function readCookie(request: HttpRequest, name: string): string | undefined {
  return readCookies(request, name).at(0);
}

/**
 * The different values of all cookies with this name. A browser may have several, for different paths, domains and
 * partitions.
 */
export function readCookies(request: HttpRequest, name: string): string[] {
  const header = headerOf(request, 'cookie');
  // Most requests have other cookies only, and most cookies are others.
  const pairs = header?.split(';').filter((pair) => pair.includes(name)) ?? [];
  const values = pairs.map((pair) => parseCookie(pair)[name]);
  // A value may be in quotes (RFC 6265 §4.1.1). Some clients keep a cleared cookie as an empty one.
  const texts = values.map((value) => value?.replace(/^"(.*)"$/s, '$1')).filter((text) => !!text);
  return [...new Set(texts as string[])];
}

/**
 * The `Set-Cookie` header of a cookie. To remove it, give an empty value and the same path.
 *
 * @param maxAge seconds; `undefined` for a cookie that ends with the browser
 */
export function serializeCookie(
  { secure, sameSite, domain, partitioned }: CookieConfig,
  name: string,
  value: string,
  maxAge: number | undefined,
  path = '/',
): string {
  return stringifySetCookie(name, value, { httpOnly: true, secure, sameSite, path, domain, partitioned, maxAge });
}
