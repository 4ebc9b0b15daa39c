import { Injectable } from '@nestjs/common';
import type { HttpRequest } from '../common/request/http-request.js';
import { Clock } from '../common/time/clock.js';
import type { IssuedTokens } from '../session/issued-tokens.js';
import { AccessTokenCookie } from './access-token-cookie.js';
import { LONGEST_MAX_AGE, readCookie, readCookies, serializeCookie } from './cookie-header.js';
import { CookieConfig } from './cookie-options.js';
import { crossSiteRefusal, isSameSite } from './cross-site.js';
import { KnownDevices } from './known-devices.js';
import { strayCookies } from './stray-cookies.js';

/** Characters. A client nonce has 43. */
const LONGEST_CLIENT_NONCE = 256;

/**
 * Stores the refresh token in a cookie. If the session is bound to a client nonce, a second cookie holds it. With the option
 * `cookie.accessToken`, a third one holds the access token. All have the attributes of the options `cookie`.
 */
@Injectable()
export class RefreshCookie {
  constructor(
    private readonly clock: Clock,
    private readonly config: CookieConfig,
    private readonly devices: KnownDevices,
    private readonly accessToken: AccessTokenCookie,
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

  /** The refresh token in the cookie of the request, if any. The first, if there are several cookies. */
  read(request: HttpRequest): string | undefined {
    return readCookie(request, this.config.name);
  }

  /** The different refresh tokens in the cookies of the request. Another host of `cookie.domain` may have added some. */
  readAll(request: HttpRequest): string[] {
    return readCookies(request, this.config.name);
  }

  /** The client nonce in the cookie of the request; `undefined` if absent or too long. */
  readClientNonce(request: HttpRequest): string | undefined {
    const nonce = readCookie(request, this.config.clientNonceName);
    return nonce !== undefined && nonce.length <= LONGEST_CLIENT_NONCE ? nonce : undefined;
  }

  /**
   * The `Set-Cookie` headers for the issued tokens. The cookies never outlive the session. Those of a
   * session that is not persistent end with the browser. They also remove a client nonce, and an access token, of an
   * earlier session.
   */
  setCookies(issued: IssuedTokens, request: HttpRequest): string[] {
    const { refreshToken, clientNonce } = issued;
    const maxAge = this.maxAgeOf(issued);
    const nonce = clientNonce === undefined ? this.clearClientNonce(request) : [this.nonceCookie(clientNonce, maxAge)];
    const accessToken = this.accessToken.set(issued, maxAge !== undefined);
    return [serializeCookie(this.config, this.config.name, refreshToken, maxAge), ...nonce, ...accessToken];
  }

  /** The `Set-Cookie` headers that remove the cookies. */
  clearCookies(request: HttpRequest): string[] {
    const token = serializeCookie(this.config, this.config.name, '', 0);
    return [token, ...this.clearClientNonce(request), ...this.accessToken.clear()];
  }

  /**
   * The `Set-Cookie` headers that remove the cookies with the name of ours that another host of the domain may have set.
   *
   * @param isReplaced whether ours is set or cleared in the same answer, after these
   */
  clearStrayCookies(request: HttpRequest, isReplaced = false): string[] {
    return strayCookies(this.config, this.config.name, request, isReplaced);
  }

  /** Seconds; `undefined` for cookies that end with the browser. */
  private maxAgeOf({ refreshTokenExpiresAt, persistent }: IssuedTokens): number | undefined {
    if (!persistent) return undefined;
    const left = Math.floor((refreshTokenExpiresAt - this.clock.now()) / 1000);
    return Math.min(Math.max(left, 0), LONGEST_MAX_AGE);
  }

  private nonceCookie(value: string, maxAge: number | undefined): string {
    return serializeCookie(this.config, this.config.clientNonceName, value, maxAge);
  }

  private clearClientNonce(request: HttpRequest): string[] {
    return readCookie(request, this.config.clientNonceName) === undefined ? [] : [this.nonceCookie('', 0)];
  }
}
