import { Injectable } from '@nestjs/common';
import type { HttpRequest } from '../common/request/http-request.js';
import { Clock } from '../common/time/clock.js';
import type { IssuedTokens } from '../session/issued-tokens.js';
import { CookieConfig } from './cookie-options.js';
import { crossSiteRefusal, isSameSite } from './cross-site.js';
import { KnownDevices } from './known-devices.js';
import { LONGEST_MAX_AGE, readCookie, serializeCookie } from './host-cookie.js';

/** Characters. A client nonce has 43. */
const LONGEST_CLIENT_NONCE = 256;

/**
 * Stores the refresh token in a cookie. If the session is bound to a client nonce, a second cookie holds it. Both are
 * HttpOnly, Secure, `SameSite=Strict`, and for this host only.
 */
@Injectable()
export class RefreshCookie {
  constructor(
    private readonly clock: Clock,
    private readonly config: CookieConfig,
    private readonly devices: KnownDevices,
  ) {}

  /**
   * Whether the request may use the cookie: it comes from the server's own origin, from an allowed origin, or from no
   * page at all.
   */
  isSameSite(request: HttpRequest): boolean {
    return isSameSite(request, this.config.allowedOrigins);
  }

  /** @throws AuthError `forbidden` if a page of another site made the browser send the request */
  assertSameSite(request: HttpRequest): void {
    if (!this.isSameSite(request)) throw crossSiteRefusal();
  }

  /** Whether the request comes from a device that has signed in with this username before. */
  isOfKnownDevice(request: HttpRequest, username: string): boolean {
    return this.devices.find(request, username) !== undefined;
  }

  /** The refresh token in the cookie of the request, if any. */
  read(request: HttpRequest): string | undefined {
    return readCookie(request, this.config.name);
  }

  /** The client nonce in the cookie of the request; `undefined` if absent or too long. */
  readClientNonce(request: HttpRequest): string | undefined {
    const nonce = readCookie(request, this.config.clientNonceName);
    return nonce !== undefined && nonce.length <= LONGEST_CLIENT_NONCE ? nonce : undefined;
  }

  /**
   * The `Set-Cookie` headers for the issued tokens. The cookies never outlive the session. Those of a session
   * that is not persistent end with the browser. They also remove a client
   * nonce of an earlier session.
   */
  setCookies(issued: IssuedTokens, request: HttpRequest): string[] {
    const { refreshToken, clientNonce, refreshTokenExpiresAt, persistent } = issued;
    const left = Math.floor((refreshTokenExpiresAt - this.clock.now()) / 1000);
    const maxAge = persistent ? Math.min(Math.max(left, 0), LONGEST_MAX_AGE) : undefined;
    const token = serializeCookie(this.config.name, refreshToken, maxAge);
    if (clientNonce !== undefined) return [token, serializeCookie(this.config.clientNonceName, clientNonce, maxAge)];
    return [token, ...this.clearClientNonce(request)];
  }

  /** The `Set-Cookie` headers that remove the cookies. */
  clearCookies(request: HttpRequest): string[] {
    return [serializeCookie(this.config.name, '', 0), ...this.clearClientNonce(request)];
  }

  private clearClientNonce(request: HttpRequest): string[] {
    return readCookie(request, this.config.clientNonceName) === undefined
      ? []
      : [serializeCookie(this.config.clientNonceName, '', 0)];
  }
}
