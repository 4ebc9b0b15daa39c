import { Injectable, Logger } from '@nestjs/common';
import type { HttpRequest } from '../common/request/http-request.js';
import type { IssuedTokens } from '../session/issued-tokens.js';
import { readCookies, serializeCookie } from './cookie-header.js';
import { CookieConfig } from './cookie-options.js';
import { crossSiteRefusal, mayUseAccessTokenCookie } from './cross-site.js';

/** Bytes of a cookie with its attributes that every browser keeps (RFC 6265 §6.1). */
const LONGEST_COOKIE = 4096;

/** The access token in a cookie, if the host wants it (`cookie.accessToken`). */
@Injectable()
export class AccessTokenCookie {
  private readonly logger = new Logger('Auth');
  private isWarned = false;

  constructor(private readonly config: CookieConfig) {}

  /** The different tokens in the cookies of the request, at best one. */
  read(request: HttpRequest): string[] {
    const { accessToken } = this.config;
    return accessToken === undefined ? [] : readCookies(request, accessToken.name);
  }

  /** @throws AuthError `forbidden` if a page that must not use the cookie may have made the browser send the request */
  assertUsableBy(request: HttpRequest): void {
    if (!mayUseAccessTokenCookie(request, this.config.allowedOrigins)) throw crossSiteRefusal();
  }

  /**
   * The `Set-Cookie` headers for new tokens. A token that cannot be in a cookie removes that of an earlier session.
   *
   * @param isLasting whether the cookie outlives the browser
   */
  set({ accessToken, tokenType, expiresIn }: IssuedTokens, isLasting: boolean): string[] {
    const { accessToken: options } = this.config;
    if (options === undefined) return [];
    // A page that is being loaded cannot prove a key.
    if (tokenType === 'DPoP') return this.clear();
    const { name, path } = options;
    const header = serializeCookie(this.config, name, accessToken, isLasting ? expiresIn : undefined, path);
    if (header.length <= LONGEST_COOKIE) return [header];
    this.warn(header.length);
    return this.clear();
  }

  /** The `Set-Cookie` headers that remove the cookie. With a path of its own, the request does not tell whether it exists. */
  clear(): string[] {
    const { accessToken: options } = this.config;
    if (options === undefined) return [];
    return [serializeCookie(this.config, options.name, '', 0, options.path)];
  }

  private warn(length: number): void {
    if (this.isWarned) return;
    this.isWarned = true;
    this.logger.warn(
      `An access token has no cookie, because its cookie has ${length} bytes and browsers keep ${LONGEST_COOKIE}. ` +
        'Return fewer roles and permissions from loadUser. The session works without the cookie.',
    );
  }
}
