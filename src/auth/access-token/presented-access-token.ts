import type { AuthenticationScheme } from '../common/errors/auth-error.js';
import { headerOf, type HttpRequest } from '../common/request/http-request.js';

/** An access token, and its authentication scheme. */
export interface PresentedAccessToken {
  readonly scheme: AuthenticationScheme;
  readonly token: string;
}

/**
 * Reads the token from `Authorization: Bearer …` (RFC 6750 §2.1) or `DPoP …` (RFC 9449 §7.1), never from a URL or body.
 */
export function presentedAccessToken(request: HttpRequest): PresentedAccessToken | undefined {
  const header = headerOf(request, 'authorization');
  const match = header === undefined ? undefined : /^(Bearer|DPoP) +([\w.~+/-]+=*)$/i.exec(header);
  return match ? { scheme: schemeOf(match[1]), token: match[2] } : undefined;
}

/** The scheme that the request uses, even if the token is malformed. */
export function presentedScheme(request: HttpRequest): AuthenticationScheme | undefined {
  const match = /^(Bearer|DPoP)( |$)/i.exec(headerOf(request, 'authorization') ?? '');
  return match ? schemeOf(match[1]) : undefined;
}

function schemeOf(text: string): AuthenticationScheme {
  return text.toLowerCase() === 'dpop' ? 'DPoP' : 'Bearer';
}
