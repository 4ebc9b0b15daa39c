import { Injectable } from '@nestjs/common';
import { AccessTokenPossession } from '../access-token/access-token-possession.js';
import { AccessTokenService } from '../access-token/access-token.service.js';
import {
  type PresentedAccessToken,
  presentedAccessToken,
  presentedScheme,
} from '../access-token/presented-access-token.js';
import { AuthError } from '../common/errors/auth-error.js';
import type { HttpRequest } from '../common/request/http-request.js';
import { PresentedRefreshToken } from '../guards/presented-refresh-token.js';
import { type IssuedRefreshToken, REFRESH_TOKEN_PREFIX } from '../refresh-token/refresh-token.codec.js';

/** Names of fields that mean the session. Others have a token of their own, for example against CSRF or for messages. */
const MEANS_SESSION = /^((refresh|access)[_-]?)?token(\W|_type_hint|$)/i;

/** The fields that the route reads. */
const READ: readonly string[] = ['refresh_token', 'token', 'token_type_hint'];

/** The session that a logout means. It may have ended. */
export interface MeantSession {
  readonly sessionId: string;
  /** The token that names it, unless it is an access token. */
  readonly refreshToken?: IssuedRefreshToken;
}

/** Finds the session that a logout means: by a token in the body, by the cookie, or by `Authorization`. */
@Injectable()
export class SessionToEnd {
  constructor(
    private readonly presented: PresentedRefreshToken,
    private readonly accessTokens: AccessTokenService,
    private readonly possession: AccessTokenPossession,
  ) {}

  /**
   * `undefined` if the request has no token, or one that this server did not issue (RFC 7009 §2.2).
   *
   * @throws AuthError `invalid_request` if a token may have been meant, but is not in a field of this route
   * @throws AuthError `token_expired`, `invalid_token`, `invalid_dpop_proof` or `use_dpop_nonce` for an access token
   */
  async of(request: HttpRequest): Promise<MeantSession | undefined> {
    const found = this.presented.findToRevoke(request);
    if (found?.decoded) return { sessionId: found.decoded.sessionId, refreshToken: found.decoded };
    const inBody = found && this.accessTokenIn(found.text);
    if (inBody) return this.ofAccessToken(inBody, request);
    if (presentedScheme(request)) return this.ofAccessToken(presentedAccessToken(request), request);
    this.assertNoToken(request.body, found ? READ : []);
    return undefined;
  }

  /**
   * The id of the session in which an administrator acts as a user, if the request names it by `Authorization` alone. The
   * browser may add the administrator's own cookie, which is not meant.
   *
   * @throws AuthError as {@link of}
   */
  async impersonated(request: HttpRequest): Promise<string | undefined> {
    const presented = presentedAccessToken(request);
    if (!presented || this.presented.isInBody(request) || !this.isImpersonated(presented.token)) return undefined;
    return (await this.ofAccessToken(presented, request)).sessionId;
  }

  private isImpersonated(token: string): boolean {
    try {
      return this.accessTokens.identify(token).actor !== undefined;
    } catch {
      return false;
    }
  }

  /** `undefined` if this server did not mint it. */
  private accessTokenIn(token: string): PresentedAccessToken | undefined {
    try {
      const { confirmation } = this.accessTokens.identify(token);
      return { token, scheme: confirmation?.jkt === undefined ? 'Bearer' : 'DPoP' };
    } catch (error) {
      if (error instanceof AuthError && error.code === 'invalid_token') return undefined;
      throw error;
    }
  }

  /**
   * A token in a field that the route does not read would end no session, and 204 would not tell.
   *
   * @throws AuthError `invalid_request`
   */
  private assertNoToken(body: unknown, read: readonly string[]): void {
    const others = Object.entries(body ?? {}).filter(([name]) => !read.includes(name));
    const meant = others.some(([name, value]) => MEANS_SESSION.test(name) || this.isToken(value));
    if (meant) throw new AuthError('invalid_request', 'Send the token as refresh_token, or as token.');
  }

  private isToken(value: unknown): boolean {
    if (typeof value !== 'string') return false;
    return value.startsWith(REFRESH_TOKEN_PREFIX) || this.accessTokens.verifyOptionsFor(value) !== undefined;
  }

  private async ofAccessToken(
    presented: PresentedAccessToken | undefined,
    request: HttpRequest,
  ): Promise<MeantSession> {
    if (!presented) throw new AuthError('invalid_token');
    try {
      const user = this.accessTokens.identify(presented.token);
      await this.possession.prove(user, presented, request);
      return { sessionId: user.sessionId };
    } catch (error) {
      throw error instanceof AuthError ? error.atResource(presented.scheme) : error;
    }
  }
}
