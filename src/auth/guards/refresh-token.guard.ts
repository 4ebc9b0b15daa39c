import { type CanActivate, createParamDecorator, type ExecutionContext, Injectable } from '@nestjs/common';
import { AuthError } from '../common/errors/auth-error.js';
import type { HttpRequest } from '../common/request/http-request.js';
import { requestOf } from '../common/request/request-of.js';
import { PresentedRefreshToken } from './presented-refresh-token.js';

const REFRESH_TOKEN = Symbol('REFRESH_TOKEN');

type RequestWithRefreshToken = HttpRequest & { [REFRESH_TOKEN]?: string };

/**
 * Guards your own refresh endpoint: lets a request pass if it has exactly one refresh token of this server. The token
 * is in the body or in the cookie. The route gets it by `@PresentedToken()`. The guard makes no database query, so the
 * session may already be dead. Do not protect anything else with it.
 *
 * @throws AuthError `invalid_grant` if this server did not issue the token
 * @throws AuthError `refresh_token_missing` if there is no token
 * @throws AuthError `invalid_request` if there is more than one
 * @throws AuthError `forbidden` for a cookie in a request that a different site caused
 * @throws AuthError `https_required` if TLS is required and the request came without it
 * @example
 * @Public()
 * @UseGuards(RefreshTokenGuard)
 * @Post('renew')
 * async renew(@PresentedToken() token: string, @Req() request: Request, @Res({ passthrough: true }) response: Response) {
 *   const evidence = await this.presentedBinding.of(request, response);
 *   return this.refreshTokens.refresh(token, clientContextOf(request), evidence, tokenUseOf(request));
 * }
 */
@Injectable()
export class RefreshTokenGuard implements CanActivate {
  constructor(private readonly presented: PresentedRefreshToken) {}

  canActivate(context: ExecutionContext): boolean {
    const request = requestOf(context) as RequestWithRefreshToken | undefined;
    if (!request) throw new AuthError('invalid_request', 'A refresh token cannot be sent in this context.');
    request[REFRESH_TOKEN] = this.presented.require(request).text;
    return true;
  }
}

/**
 * Parameter decorator: the refresh token that {@link RefreshTokenGuard} found, as a string.
 *
 * @example
 * renew(@PresentedToken() token: string) {}
 */
export const PresentedToken = createParamDecorator(
  (_: unknown, context: ExecutionContext) =>
    (requestOf(context) as RequestWithRefreshToken | undefined)?.[REFRESH_TOKEN],
);
