import { Injectable } from '@nestjs/common';
import { AuthError } from '../common/errors/auth-error.js';
import type { HttpRequest } from '../common/request/http-request.js';
import { AccessTokenCookie } from '../cookie/access-token-cookie.js';
import { AccessTokenService } from './access-token.service.js';
import type { AuthenticatedUser } from './authenticated-user.js';
import { type PresentedAccessToken, presentedAccessToken, presentedScheme } from './presented-access-token.js';

/** Finds the access token of a request: in its header `Authorization`, else in its cookie. */
@Injectable()
export class PresentedAccessTokens {
  constructor(
    private readonly cookie: AccessTokenCookie,
    private readonly accessTokens: AccessTokenService,
  ) {}

  /**
   * The token of the request; `undefined` if it has none. A request with a malformed token in its header has none,
   * whatever its cookie has.
   *
   * @throws AuthError `forbidden` for a cookie in a request that a different site may have caused
   * @throws AuthError `invalid_token` for cookies of two sessions
   */
  find(request: HttpRequest): PresentedAccessToken | undefined {
    if (presentedScheme(request) !== undefined) return presentedAccessToken(request);
    const tokens = this.cookie.read(request);
    if (tokens.length === 0) return undefined;
    this.cookie.assertUsableBy(request);
    return { scheme: 'Bearer', token: tokens.length === 1 ? tokens[0] : this.ownOf(tokens) };
  }

  /** @throws AuthError as `find`; `unauthorized` if the request has no access token; `invalid_token` if it is malformed */
  require(request: HttpRequest): PresentedAccessToken {
    const presented = this.find(request);
    if (presented) return presented;
    throw new AuthError(presentedScheme(request) ? 'invalid_token' : 'unauthorized');
  }

  /** Another host of the domain can add cookies of the same name, for example with the token of its own session. */
  private ownOf(tokens: string[]): string {
    const own = tokens.flatMap((token) => {
      const user = this.userOf(token);
      return user ? [{ token, user }] : [];
    });
    if (new Set(own.map(({ user }) => user.sessionId)).size > 1) {
      throw new AuthError('invalid_token', 'The request has the access tokens of two sessions.');
    }
    const [newest] = own.sort((a, b) => b.user.expiresAt - a.user.expiresAt);
    return newest?.token ?? tokens[0];
  }

  private userOf(token: string): AuthenticatedUser | undefined {
    try {
      return this.accessTokens.identify(token);
    } catch {
      return undefined;
    }
  }
}
