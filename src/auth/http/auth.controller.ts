import { Controller, Get, HttpCode, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import type { AuthenticatedUser } from '../access-token/authenticated-user.js';
import { AuthRoute } from '../common/request/auth-route.decorator.js';
import { clientContextOf } from '../common/request/client-context.js';
import type { HttpRequest, HttpResponse } from '../common/request/http-request.js';
import { RefreshCookie } from '../cookie/refresh-cookie.js';
import { JwtAuthGuard } from '../guards/jwt-auth.guard.js';
import { PresentedRefreshToken } from '../guards/presented-refresh-token.js';
import { Public } from '../guards/public.decorator.js';
import { RefreshTokenGuard } from '../guards/refresh-token.guard.js';
import type { IssuedRefreshToken } from '../refresh-token/refresh-token.codec.js';
import { RefreshTokenService } from '../refresh-token/refresh-token.service.js';
import { AuthRouteFilter } from './auth-route.filter.js';
import { EndSessionsGuard } from './end-sessions.guard.js';
import { AuthLogoutAllDto, AuthLogoutDto } from './login.dto.js';
import { LoginAnswers } from './login-answers.js';
import { NoStore } from './no-store.decorator.js';
import { OwnSessionGuard } from './own-session.guard.js';
import { answerOnce, type OwnAnswer } from './own-answer.js';
import { bodyOf } from './request-body.js';
import { SessionAnswers } from './session-answers.js';
import { SessionToEnd } from './session-to-end.js';
import { TlsGuard } from './tls.guard.js';

/** The routes that begin, refresh and end a session. */
@Controller('auth')
@UseFilters(AuthRouteFilter)
export class AuthController {
  constructor(
    private readonly logins: LoginAnswers,
    private readonly refreshTokens: RefreshTokenService,
    private readonly sessionToEnd: SessionToEnd,
    private readonly presented: PresentedRefreshToken,
    private readonly answers: SessionAnswers,
    private readonly cookie: RefreshCookie,
  ) {}

  @Post('login')
  @AuthRoute('login')
  @HttpCode(200)
  @NoStore()
  @Public()
  @UseGuards(TlsGuard)
  login(@Req() request: HttpRequest, @Res({ passthrough: true }) response: HttpResponse): Promise<void> {
    return answerOnce(response, () => this.logins.login(request, response));
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

  /** Asks for the password or another proof again, because a risk rule or a route requires it. */
  @Post('step-up')
  @AuthRoute('step-up')
  @HttpCode(200)
  @NoStore()
  @Public()
  @UseGuards(RefreshTokenGuard)
  stepUp(@Req() request: HttpRequest, @Res({ passthrough: true }) response: HttpResponse): Promise<void> {
    return answerOnce(response, () => this.logins.stepUp(request, response));
  }

  /**
   * Ends the session of the token in the body or in the cookie; without one, that of `Authorization`. It succeeds even if
   * the session is already dead. With `session_id` only that session ends, and the cookie of another one stays: a browser
   * may have signed in anew in a different tab.
   */
  @Post('logout')
  @HttpCode(204)
  @NoStore()
  @Public()
  @UseGuards(TlsGuard)
  logout(@Req() request: HttpRequest, @Res({ passthrough: true }) response: HttpResponse): Promise<void> {
    return answerOnce(response, async () => {
      const client = clientContextOf(request);
      const { session_id: meant } = await bodyOf(request, AuthLogoutDto);
      const impersonated = await this.sessionToEnd.impersonated(request);
      if (impersonated !== undefined) {
        if (!meant || meant === impersonated) await this.refreshTokens.revoke(impersonated, 'logout', client);
        return {};
      }
      if (this.presented.hasSeveralSessions(request)) {
        return this.logoutOf(this.presented.allInCookies(request), meant, request);
      }
      const session = await this.sessionToEnd.of(request);
      if (meant && session && session.sessionId !== meant) return {};
      if (session?.refreshToken) await this.refreshTokens.revokeByToken(session.refreshToken, 'logout', client);
      else if (session) await this.refreshTokens.revoke(session.sessionId, 'logout', client);
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

  /** One of the sessions is the user's. With `meant`, the others stay, but their cookies go. */
  private async logoutOf(
    all: IssuedRefreshToken[],
    meant: string | undefined,
    request: HttpRequest,
  ): Promise<OwnAnswer> {
    const left = meant ? all.filter(({ sessionId }) => sessionId === meant) : all;
    for (const token of left) await this.refreshTokens.revokeByToken(token, 'logout', clientContextOf(request));
    if (left.length === 0) return {};
    return { cookies: [...this.cookie.clearStrayCookies(request, true), ...this.cookie.clearCookies(request)] };
  }

  private withoutCookies(request: HttpRequest): OwnAnswer {
    const mayRemove = this.cookie.isSameSite(request) && !this.presented.hasForeignCookie(request);
    return mayRemove ? { cookies: this.cookie.clearCookies(request) } : {};
  }
}
