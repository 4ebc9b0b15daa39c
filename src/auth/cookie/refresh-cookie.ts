import { Injectable } from '@nestjs/common';
import { parseCookie, stringifySetCookie } from 'cookie';
import { headerOf, type HttpRequest } from '../common/request/http-request.js';
import { Clock } from '../common/time/clock.js';
import type { IssuedTokens } from '../session/issued-tokens.js';
import { CookieConfig } from './cookie-options.js';
import { crossSiteRefusal, isSameSite } from './cross-site.js';

/** Ours have 43 characters. */
const LONGEST_CLIENT_NONCE = 256;
/** Browsers cut cookies at 400 days (RFC 6265bis §5.5). */
const LONGEST_MAX_AGE = 400 * 24 * 60 * 60;

/**
 * The refresh token as a cookie, and the client nonce as another where the session is bound to one: HttpOnly, Secure,
 * `SameSite=Strict`, for this host alone.
 */
@Injectable()
export class RefreshCookie {
  constructor(
    private readonly clock: Clock,
    private readonly config: CookieConfig,
  ) {}

  /**
   * Whether the request may use the cookie: a page of the server's own, or of an allowed origin, has sent it, or no page
   * at all.
   */
  isSameSite(request: HttpRequest): boolean {
    return isSameSite(request, this.config.allowedOrigins);
  }

  /** @throws AuthError `forbidden` for a request that a page of another site made the browser send */
  assertSameSite(request: HttpRequest): void {
    if (!this.isSameSite(request)) throw crossSiteRefusal();
  }

  /** The token that the request carries in its cookie, if it carries one. */
  read(request: HttpRequest): string | undefined {
    return readCookie(request, this.config.name);
  }

  /** The client nonce that the request carries in its cookie; `undefined` also for what is too long to be one. */
  readClientNonce(request: HttpRequest): string | undefined {
    const nonce = readCookie(request, this.config.clientNonceName);
    return nonce !== undefined && nonce.length <= LONGEST_CLIENT_NONCE ? nonce : undefined;
  }

  /**
   * The `Set-Cookie` headers that hand over what was issued; they never outlive the session. A client nonce that an earlier
   * session has left is removed.
   */
  setCookies({ refreshToken, clientNonce, refreshTokenExpiresAt }: IssuedTokens, request: HttpRequest): string[] {
    const left = Math.floor((refreshTokenExpiresAt - this.clock.now()) / 1000);
    const maxAge = Math.min(Math.max(left, 0), LONGEST_MAX_AGE);
    const token = serialize(this.config.name, refreshToken, maxAge);
    if (clientNonce !== undefined) return [token, serialize(this.config.clientNonceName, clientNonce, maxAge)];
    return [token, ...this.clearClientNonce(request)];
  }

  /** The `Set-Cookie` headers that remove them. */
  clearCookies(request: HttpRequest): string[] {
    return [serialize(this.config.name, '', 0), ...this.clearClientNonce(request)];
  }

  private clearClientNonce(request: HttpRequest): string[] {
    return readCookie(request, this.config.clientNonceName) === undefined
      ? []
      : [serialize(this.config.clientNonceName, '', 0)];
  }
}

function readCookie(request: HttpRequest, name: string): string | undefined {
  const header = headerOf(request, 'cookie');
  const value = header === undefined ? undefined : parseCookie(header)[name];
  // Quotes may stand around any value (RFC 6265 §4.1.1). An empty cookie is how some clients keep one that was cleared.
  return value?.replace(/^"(.*)"$/s, '$1') || undefined;
}

function serialize(name: string, value: string, maxAge: number): string {
  return stringifySetCookie(name, value, { httpOnly: true, secure: true, sameSite: 'strict', path: '/', maxAge });
}
