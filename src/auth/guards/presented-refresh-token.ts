import { Injectable } from '@nestjs/common';
import { assertSameSite } from '../cookie/cross-site.js';
import { RefreshCookie } from '../cookie/refresh-cookie.js';
import { AuthError } from '../common/errors/auth-error.js';
import { ResolvedAuthOptions } from '../resolve-options.js';
import { clientContextOf } from '../common/request/client-context.js';
import type { HttpRequest } from '../common/request/http-request.js';
import { assertTls } from '../common/request/tls.js';
import { RefreshTokenService } from '../refresh-token/refresh-token.service.js';

/** Far more than a refresh token has, and enough for an access token sent by mistake to be told from nonsense. */
const LONGEST_TOKEN = 4096;

/** Finds the refresh token of a request: in its body or in its cookie, and nowhere else. */
@Injectable()
export class PresentedRefreshToken {
  constructor(
    private readonly cookie: RefreshCookie,
    private readonly refreshTokens: RefreshTokenService,
    private readonly options: ResolvedAuthOptions,
  ) {}

  /**
   * The token, issued by this server; it may be dead all the same.
   *
   * @throws AuthError `invalid_grant` for any other; `invalid_request` also where there is none; `https_required`
   */
  require(request: HttpRequest): string {
    assertTls(request, this.options);
    const token = this.find(request);
    if (token === undefined) throw new AuthError('invalid_request', 'A refresh token is required.');
    this.refreshTokens.assertIssued(token, clientContextOf(request));
    return token;
  }

  /**
   * `undefined` where there is none.
   *
   * @throws AuthError `invalid_request` for anything but one string of bearable length; `forbidden` for a cookie that
   * another site made the browser send
   */
  find(request: HttpRequest): string | undefined {
    const inCookie = this.cookie.read(request);
    if (inCookie !== undefined) assertSameSite(request, this.options.cookie.allowedOrigins);

    const inBody = this.inBody(request.body);
    if (inBody !== undefined && inCookie !== undefined) {
      throw new AuthError('invalid_request', 'The refresh token came both in the body and in the cookie.');
    }
    const token = inBody ?? inCookie;
    if (token !== undefined && token.length > LONGEST_TOKEN) {
      throw new AuthError('invalid_request', 'The refresh token is too long.');
    }
    return token;
  }

  private inBody(body: unknown): string | undefined {
    if (typeof body !== 'object' || body === null || !Object.hasOwn(body, 'refresh_token')) return undefined;
    const token = (body as { refresh_token: unknown }).refresh_token;
    if (typeof token !== 'string') throw new AuthError('invalid_request', 'The refresh token must be a string.');
    // An empty parameter is one that was not sent (RFC 6749 §3.2).
    return token === '' ? undefined : token;
  }
}
