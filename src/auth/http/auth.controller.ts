import { Body, Controller, Get, HttpCode, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { AccessTokenPossession } from '../access-token/access-token-possession.js';
import { AccessTokenService } from '../access-token/access-token.service.js';
import type { AuthenticatedUser } from '../access-token/authenticated-user.js';
import { presentedAccessToken, presentedScheme } from '../access-token/presented-access-token.js';
import { PresentedBinding } from '../binding/presented-binding.js';
import { AuthError } from '../common/errors/auth-error.js';
import { AuthRoute } from '../common/request/auth-route.decorator.js';
import { clientContextOf } from '../common/request/client-context.js';
import type { HttpRequest, HttpResponse } from '../common/request/http-request.js';
import { RefreshCookie } from '../cookie/refresh-cookie.js';
import { CurrentUser } from '../guards/current-user.decorator.js';
import { JwtAuthGuard } from '../guards/jwt-auth.guard.js';
import { PresentedRefreshToken } from '../guards/presented-refresh-token.js';
import { Public } from '../guards/public.decorator.js';
import { DecodedToken, RefreshTokenGuard } from '../guards/refresh-token.guard.js';
import type { IssuedRefreshToken } from '../refresh-token/refresh-token.codec.js';
import { RefreshTokenService } from '../refresh-token/refresh-token.service.js';
import { tokenUseOf } from '../refresh-token/token-use-of.js';
import type { IssuedTokens } from '../session/issued-tokens.js';
import { RefreshTokenConfig } from '../session/session-options.js';
import { SignInService } from '../sign-in/sign-in.service.js';
import { StepUpService } from '../sign-in/step-up.service.js';
import { appendCookies } from './append-cookies.js';
import { AuthRouteFilter } from './auth-route.filter.js';
import { AuthLoginDto, AuthLogoutAllDto, AuthStepUpDto } from './login.dto.js';
import { NoStore } from './no-store.decorator.js';
import { RequestValidationPipe } from './request-validation.pipe.js';
import { TlsGuard } from './tls.guard.js';
import { type TokenResponse, tokenResponse } from './token-response.js';

/** The routes that begin, refresh and end a session. */
@Controller('auth')
@UseFilters(AuthRouteFilter)
export class AuthController {
  constructor(
    private readonly signIn: SignInService,
    private readonly refreshTokens: RefreshTokenService,
    private readonly stepUps: StepUpService,
    private readonly accessTokens: AccessTokenService,
    private readonly presented: PresentedRefreshToken,
    private readonly binding: PresentedBinding,
    private readonly possession: AccessTokenPossession,
    private readonly cookie: RefreshCookie,
    private readonly config: RefreshTokenConfig,
  ) {}

  @Post('login')
  @AuthRoute('login')
  @HttpCode(200)
  @NoStore()
  @Public()
  @UseGuards(TlsGuard)
  async login(
    @Body(new RequestValidationPipe(AuthLoginDto)) body: Readonly<AuthLoginDto>,
    @Req() request: HttpRequest,
    @Res({ passthrough: true }) response: HttpResponse,
  ): Promise<TokenResponse> {
    const use = tokenUseOf(request);
    const transport = body.transport ?? this.config.defaultTransport;
    // A form on a different site could sign the visitor in to the attacker's account: the browser would store the
    // cookie.
    if (transport === 'cookie') this.cookie.assertSameSite(request);
    const client = clientContextOf(request);
    const evidence = await this.binding.of(request, response);
    const { username, password, client_id: clientId, device_name: deviceName, scope, bind } = body;
    const wanted = { clientId, deviceName, scope, transport, bind: bind ?? undefined };
    const issued = await this.signIn.signIn(username, password, wanted, client, evidence, use);

    const previous = transport === 'cookie' ? this.cookie.read(request) : undefined;
    if (previous !== undefined) await this.refreshTokens.revokeByToken(previous, 'replaced', client);
    return this.answer(issued, request, response, { withClientNonce: true });
  }

  @Post('refresh')
  @AuthRoute('refresh')
  @HttpCode(200)
  @NoStore()
  @Public()
  @UseGuards(RefreshTokenGuard)
  async refresh(
    @DecodedToken() token: IssuedRefreshToken,
    @Req() request: HttpRequest,
    @Res({ passthrough: true }) response: HttpResponse,
  ): Promise<TokenResponse> {
    const use = tokenUseOf(request);
    const evidence = await this.binding.of(request, response);
    const issued = await this.refreshTokens.refresh(token, clientContextOf(request), evidence, use);
    return this.answer(issued, request, response);
  }

  /** Asks for the password again, because a risk rule or a route requires it. */
  @Post('step-up')
  @AuthRoute('step-up')
  @HttpCode(200)
  @NoStore()
  @Public()
  @UseGuards(RefreshTokenGuard)
  async stepUp(
    @DecodedToken() token: IssuedRefreshToken,
    @Body(new RequestValidationPipe(AuthStepUpDto)) { password }: Readonly<AuthStepUpDto>,
    @Req() request: HttpRequest,
    @Res({ passthrough: true }) response: HttpResponse,
  ): Promise<TokenResponse> {
    const use = tokenUseOf(request);
    const evidence = await this.binding.of(request, response);
    const issued = await this.stepUps.stepUp(token, password, clientContextOf(request), evidence, use);
    return this.answer(issued, request, response);
  }

  /**
   * Ends the session of the refresh token; without one, that of the access token. It succeeds even if the session is
   * already dead.
   */
  @Post('logout')
  @HttpCode(204)
  @NoStore()
  @Public()
  @UseGuards(TlsGuard)
  async logout(@Req() request: HttpRequest, @Res({ passthrough: true }) response: HttpResponse): Promise<void> {
    const client = clientContextOf(request);
    const found = this.presented.find(request);
    if (found !== undefined) {
      if (found.decoded) await this.refreshTokens.revokeByToken(found.decoded, 'logout', client);
    } else if (presentedScheme(request)) {
      await this.refreshTokens.revoke(await this.sessionOfAccessToken(request), 'logout', client);
    }
    this.clearCookies(request, response);
  }

  @Post('logout-all')
  @HttpCode(204)
  @NoStore()
  @UseGuards(JwtAuthGuard)
  async logoutAll(
    @Body(new RequestValidationPipe(AuthLogoutAllDto)) body: Readonly<AuthLogoutAllDto>,
    @CurrentUser() user: AuthenticatedUser,
    @Req() request: HttpRequest,
    @Res({ passthrough: true }) response: HttpResponse,
  ): Promise<void> {
    const exceptSessionId = body.except_current === true ? user.sessionId : undefined;
    const client = clientContextOf(request);
    await this.refreshTokens.revokeAllOfUser(user.id, 'logout_all', { exceptSessionId, ...client });
    if (exceptSessionId === undefined) this.clearCookies(request, response);
  }

  /** The user as the access token describes them. */
  @Get('me')
  @NoStore()
  @UseGuards(JwtAuthGuard)
  me(@CurrentUser() { id, roles, permissions, sessionId }: AuthenticatedUser) {
    return { id, roles, permissions, session_id: sessionId };
  }

  private answer(
    issued: IssuedTokens,
    request: HttpRequest,
    response: HttpResponse,
    { withClientNonce = false } = {},
  ): TokenResponse {
    if (issued.transport === 'cookie') appendCookies(response, this.cookie.setCookies(issued, request));
    return tokenResponse(issued, withClientNonce);
  }

  private clearCookies(request: HttpRequest, response: HttpResponse): void {
    if (!this.cookie.isSameSite(request)) return;
    appendCookies(response, this.cookie.clearCookies(request));
  }

  /** The session of an access token. The session may have been revoked. */
  private async sessionOfAccessToken(request: HttpRequest): Promise<string> {
    const presented = presentedAccessToken(request);
    if (!presented) throw new AuthError('invalid_token');
    try {
      const user = this.accessTokens.identify(presented.token);
      await this.possession.prove(user, presented, request);
      return user.sessionId;
    } catch (error) {
      throw error instanceof AuthError ? error.atResource(presented.scheme) : error;
    }
  }
}
