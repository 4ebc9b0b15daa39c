import { parseCookie, stringifySetCookie } from 'cookie';
import { headerOf, type HttpRequest } from '../common/request/http-request.js';

/** Seconds. Browsers limit cookies to 400 days (RFC 6265bis §5.5). */
export const LONGEST_MAX_AGE = 400 * 24 * 60 * 60;

/** The value of a cookie of the request; `undefined` if it has none, or an empty one. */
export function readCookie(request: HttpRequest, name: string): string | undefined {
  const header = headerOf(request, 'cookie');
  const value = header === undefined ? undefined : parseCookie(header)[name];
  // A value may be in quotes (RFC 6265 §4.1.1). Some clients keep a cleared cookie as an empty one.
  return value?.replace(/^"(.*)"$/s, '$1') || undefined;
}

/**
 * The `Set-Cookie` header of a cookie for this host only (`__Host-`).
 *
 * @param maxAge in seconds; `undefined` for a cookie that ends with the browser
 */
export function serializeCookie(
  name: string,
  value: string,
  maxAge: number | undefined,
  sameSite: 'strict' | 'lax' = 'strict',
): string {
  return stringifySetCookie(name, value, { httpOnly: true, secure: true, sameSite, path: '/', maxAge });
}
