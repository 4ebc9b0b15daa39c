import { Controller, Get, HttpCode, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { AccessTokenPossession } from '../access-token/access-token-possession.js';
import { AccessTokenService } from '../access-token/access-token.service.js';
import type { AuthenticatedUser } from '../access-token/authenticated-user.js';
import { presentedAccessToken, presentedScheme } from '../access-token/presented-access-token.js';
import { AuthError } from '../common/errors/auth-error.js';
import { AuthRoute } from '../common/request/auth-route.decorator.js';
import { clientContextOf } from '../common/request/client-context.js';
import type { HttpRequest, HttpResponse } from '../common/request/http-request.js';
import { RefreshCookie } from '../cookie/refresh-cookie.js';
import { JwtAuthGuard } from '../guards/jwt-auth.guard.js';
import { PresentedRefreshToken } from '../guards/presented-refresh-token.js';
import { Public } from '../guards/public.decorator.js';
import { RefreshTokenGuard } from '../guards/refresh-token.guard.js';
import { RefreshTokenService } from '../refresh-token/refresh-token.service.js';
import { RefreshTokenConfig } from '../session/session-options.js';
import { SignInService } from '../sign-in/sign-in.service.js';
import { AuthRouteFilter } from './auth-route.filter.js';
import { EndSessionsGuard } from './end-sessions.guard.js';
import { AuthLoginDto, AuthLogoutAllDto, AuthLogoutDto, AuthStepUpDto } from './login.dto.js';
import { NoStore } from './no-store.decorator.js';
import { OwnSessionGuard } from './own-session.guard.js';
import { answerOnce, type OwnAnswer } from './own-answer.js';
import { bodyOf } from './request-body.js';
import { SessionAnswers } from './session-answers.js';
import { TlsGuard } from './tls.guard.js';

/** The routes that begin, refresh and end a session. */
@Controller('auth')
@UseFilters(AuthRouteFilter)
export class AuthController {
  constructor(
    private readonly signIn: SignInService,
    private readonly refreshTokens: RefreshTokenService,
    private readonly accessTokens: AccessTokenService,
    private readonly presented: PresentedRefreshToken,
    private readonly answers: SessionAnswers,
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
  login(@Req() request: HttpRequest, @Res({ passthrough: true }) response: HttpResponse): Promise<void> {
    return answerOnce(response, async () => {
      const body = await bodyOf(request, AuthLoginDto);
      const transport = body.transport ?? this.config.defaultTransport;
      const { username, password, client_id: clientId, device_name: deviceName, scope, bind } = body;
      const isKnownDevice = this.cookie.isOfKnownDevice(request, username);
      const wanted = { clientId, deviceName, scope, transport, bind: bind ?? undefined, isKnownDevice };
      // A client may want less than the host gives, and no more.
      const terms = body.persistent === false ? { persistent: false } : {};
      return this.answers.signIn(request, response, transport, false, ({ client, evidence, use, deviceId }) =>
        this.signIn.signIn(username, password, { ...wanted, ...terms, deviceId }, client, evidence, use),
      );
    });
  }

  @Post('refresh')
  @AuthRoute('refresh')
  @HttpCode(200)
  @NoStore()
  @Public()
  @UseGuards(RefreshTokenGuard)
  refresh(@Req() request: HttpRequest, @Res({ passthrough: true }) response: HttpResponse): Promise<void> {
    return answerOnce(response, () => this.answers.refresh(request, response));
  }

  /** Asks for the password again, because a risk rule or a route requires it. */
  @Post('step-up')
  @AuthRoute('step-up')
  @HttpCode(200)
  @NoStore()
  @Public()
  @UseGuards(RefreshTokenGuard)
  stepUp(@Req() request: HttpRequest, @Res({ passthrough: true }) response: HttpResponse): Promise<void> {
    return answerOnce(response, async () => {
      const { password } = await bodyOf(request, AuthStepUpDto);
      return this.answers.stepUp(password, request, response);
    });
  }

  /**
   * Ends the session of the refresh token; without one, that of the access token. It succeeds even if the session is
   * already dead. With `session_id` only that session ends, and the cookie of another one stays: a browser may have
   * signed in anew in a different tab.
   */
  @Post('logout')
  @HttpCode(204)
  @NoStore()
  @Public()
  @UseGuards(TlsGuard)
  logout(@Req() request: HttpRequest, @Res({ passthrough: true }) response: HttpResponse): Promise<void> {
    return answerOnce(response, async () => {
      const client = clientContextOf(request);
      const found = this.presented.find(request);
      const { session_id: meant } = await bodyOf(request, AuthLogoutDto);
      const ofAccessToken =
        !found?.decoded && presentedScheme(request) ? await this.sessionOfAccessToken(request) : undefined;
      const sessionId = found?.decoded?.sessionId ?? ofAccessToken;
      if (meant && sessionId !== undefined && sessionId !== meant) return {};
      if (found?.decoded) await this.refreshTokens.revokeByToken(found.decoded, 'logout', client);
      else if (sessionId !== undefined) await this.refreshTokens.revoke(sessionId, 'logout', client);
      return this.withoutCookies(request);
    });
  }

  @Post('logout-all')
  @HttpCode(204)
  @NoStore()
  @UseGuards(JwtAuthGuard, OwnSessionGuard, EndSessionsGuard)
  logoutAll(@Req() request: HttpRequest, @Res({ passthrough: true }) response: HttpResponse): Promise<void> {
    return answerOnce(response, async () => {
      const user = request.user as AuthenticatedUser;
      const { except_current: exceptCurrent } = await bodyOf(request, AuthLogoutAllDto);
      const exceptSessionId = exceptCurrent === true ? user.sessionId : undefined;
      const client = clientContextOf(request);
      await this.refreshTokens.revokeAllOfUser(user.id, 'logout_all', { exceptSessionId, ...client });
      return exceptSessionId === undefined ? this.withoutCookies(request) : {};
    });
  }

  /** The user as the access token describes them. */
  @Get('me')
  @NoStore()
  @UseGuards(JwtAuthGuard)
  me(@Req() request: HttpRequest, @Res({ passthrough: true }) response: HttpResponse): Promise<void> {
    return answerOnce(response, async () => {
      const { id, roles, permissions, sessionId, claims, actor } = request.user as AuthenticatedUser;
      const hasClaims = Object.keys(claims).length > 0;
      const more = { ...(hasClaims && { claims }), ...(actor && { actor }) };
      return { body: { id, roles, permissions, session_id: sessionId, ...more } };
    });
  }

  private withoutCookies(request: HttpRequest): OwnAnswer {
    const mayRemove = this.cookie.isSameSite(request) && !this.presented.hasForeignCookie(request);
    return mayRemove ? { cookies: this.cookie.clearCookies(request) } : {};
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
