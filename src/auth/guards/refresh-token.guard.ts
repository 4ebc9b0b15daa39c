import { type CanActivate, createParamDecorator, type ExecutionContext, Injectable } from '@nestjs/common';
import { AuthError } from '../common/errors/auth-error.js';
import type { HttpRequest } from '../common/request/http-request.js';
import { requestOf } from '../common/request/request-of.js';
import { type FoundRefreshToken, PresentedRefreshToken } from './presented-refresh-token.js';

const REFRESH_TOKEN = Symbol('REFRESH_TOKEN');

type RequestWithRefreshToken = HttpRequest & { [REFRESH_TOKEN]?: Required<FoundRefreshToken> };

/**
 * For a refresh endpoint of the host's own: lets a request pass that brings exactly one refresh token of this server, in
 * its body or its cookie, and hands it to the route by `@PresentedToken()`. It asks no database: whether the token still
 * lives is for `RefreshTokenService.refresh` to say, so guard nothing else by it.
 *
 * @throws AuthError `invalid_grant`, `invalid_request`, `forbidden`, `https_required`
 * @example
 * @Public()
 * @UseGuards(RefreshTokenGuard)
 * @Post('renew')
 * async renew(@PresentedToken() token: string, @Req() request: Request, @Res({ passthrough: true }) response: Response) {
 *   const evidence = await this.presentedBinding.of(request, response); // what the session may be bound to
 *   return this.refreshTokens.refresh(token, clientContextOf(request), evidence);
 * }
 */
@Injectable()
export class RefreshTokenGuard implements CanActivate {
  constructor(private readonly presented: PresentedRefreshToken) {}

  canActivate(context: ExecutionContext): boolean {
    const request = requestOf(context) as RequestWithRefreshToken | undefined;
    if (!request) throw new AuthError('invalid_request', 'No refresh token can come in this context.');
    request[REFRESH_TOKEN] = this.presented.require(request);
    return true;
  }
}

/** The refresh token that {@link RefreshTokenGuard} found. */
export const PresentedToken = createParamDecorator((_: unknown, context: ExecutionContext) => issuedIn(context)?.text);

/** The same token, decoded: `RefreshTokenService.refresh` then need not decode it again. */
export const DecodedToken = createParamDecorator((_: unknown, context: ExecutionContext) => issuedIn(context)?.decoded);

function issuedIn(context: ExecutionContext): Required<FoundRefreshToken> | undefined {
  return (requestOf(context) as RequestWithRefreshToken | undefined)?.[REFRESH_TOKEN];
}
