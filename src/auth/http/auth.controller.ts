import { Controller, Get, HttpCode, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import type { AuthenticatedUser } from '../access-token/authenticated-user.js';
import { PresentedBinding } from '../binding/presented-binding.js';
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
import { tokenUseOf } from '../refresh-token/token-use-of.js';
import type { IssuedTokens } from '../session/issued-tokens.js';
import { RefreshTokenConfig } from '../session/session-options.js';
import { SignInService } from '../sign-in/sign-in.service.js';
import { StepUpService } from '../sign-in/step-up.service.js';
import { AuthRouteFilter } from './auth-route.filter.js';
import { EndSessionsGuard } from './end-sessions.guard.js';
import { AuthLoginDto, AuthLogoutAllDto, AuthLogoutDto, AuthStepUpDto } from './login.dto.js';
import { NoStore } from './no-store.decorator.js';
import { answerOnce, isAnswered, type OwnAnswer } from './own-answer.js';
import { bodyOf } from './request-body.js';
import { SessionToEnd } from './session-to-end.js';
import { TlsGuard } from './tls.guard.js';
import { tokenResponse } from './token-response.js';

/** The routes that begin, refresh and end a session. */
@Controller('auth')
@UseFilters(AuthRouteFilter)
export class AuthController {
  constructor(
    private readonly signIn: SignInService,
    private readonly refreshTokens: RefreshTokenService,
    private readonly stepUps: StepUpService,
    private readonly sessionToEnd: SessionToEnd,
    private readonly presented: PresentedRefreshToken,
    private readonly binding: PresentedBinding,
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
      const use = tokenUseOf(request);
      const transport = body.transport ?? this.config.defaultTransport;
      // A form on a different site could sign the visitor in to the attacker's account: the browser would store the
      // cookie.
      if (transport === 'cookie') this.cookie.assertSameSite(request);
      const client = clientContextOf(request);
      const evidence = await this.binding.of(request, response);
      const { username, password, client_id: clientId, device_name: deviceName, scope, bind } = body;
      const isKnownDevice = this.cookie.isOfKnownDevice(request, username);
      const wanted = { clientId, deviceName, scope, transport, bind: bind ?? undefined, isKnownDevice };
      const issued = await this.signIn.signIn(username, password, wanted, client, evidence, use);
      const previous = transport === 'cookie' ? this.cookie.read(request) : undefined;
      if (previous !== undefined && !isAnswered(response)) {
        await this.refreshTokens.revokeByToken(previous, 'replaced', client);
      }
      if (isAnswered(response)) {
        // No client gets this session's token: an interceptor was faster, for example with a timeout.
        await this.refreshTokens.revoke(issued.sessionId, 'sign_in_failed', client);
        throw new AuthError('temporarily_unavailable');
      }
      return this.answer(issued, request, { withClientNonce: true });
    });
  }

  @Post('refresh')
  @AuthRoute('refresh')
  @HttpCode(200)
  @NoStore()
  @Public()
  @UseGuards(RefreshTokenGuard)
  refresh(@Req() request: HttpRequest, @Res({ passthrough: true }) response: HttpResponse): Promise<void> {
    return answerOnce(response, async () => {
      const { decoded } = this.presented.require(request);
      const use = tokenUseOf(request);
      const evidence = await this.binding.of(request, response);
      const issued = await this.refreshTokens.refresh(decoded, clientContextOf(request), evidence, use);
      return this.answer(issued, request);
    });
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
      const { decoded } = this.presented.require(request);
      const { password } = await bodyOf(request, AuthStepUpDto);
      const use = tokenUseOf(request);
      const evidence = await this.binding.of(request, response);
      const issued = await this.stepUps.stepUp(decoded, password, clientContextOf(request), evidence, use);
      return this.answer(issued, request);
    });
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
  @UseGuards(JwtAuthGuard, EndSessionsGuard)
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
      const { id, roles, permissions, sessionId } = request.user as AuthenticatedUser;
      return { body: { id, roles, permissions, session_id: sessionId } };
    });
  }

  private answer(issued: IssuedTokens, request: HttpRequest, { withClientNonce = false } = {}): OwnAnswer {
    const cookies = issued.transport === 'cookie' ? this.cookie.setCookies(issued, request) : [];
    return { body: tokenResponse(issued, withClientNonce), cookies };
  }

  private withoutCookies(request: HttpRequest): OwnAnswer {
    const mayRemove = this.cookie.isSameSite(request) && !this.presented.hasForeignCookie(request);
    return mayRemove ? { cookies: this.cookie.clearCookies(request) } : {};
  }
}
