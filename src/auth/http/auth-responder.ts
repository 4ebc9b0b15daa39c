import { Injectable } from '@nestjs/common';
import { AuthError } from '../common/errors/auth-error.js';
import type { HttpRequest, HttpResponse } from '../common/request/http-request.js';
import { assertTls, TlsConfig } from '../common/request/tls.js';
import { CookieConfig } from '../cookie/cookie-options.js';
import type { AuthenticatedUser } from '../access-token/authenticated-user.js';
import { PresentedRefreshToken } from '../guards/presented-refresh-token.js';
import { type ImpersonationOptions, ImpersonationService } from '../refresh-token/impersonation.service.js';
import { RefreshTokenService } from '../refresh-token/refresh-token.service.js';
import type { SignInRequest } from '../refresh-token/sign-in-request.js';
import { RefreshTokenConfig } from '../session/session-options.js';
import type { AuthUser } from '../user/user-provider.js';
import { type AnswerHeaders, answerNow, type OwnAnswer } from './own-answer.js';
import { redirectLocation } from './redirect-location.js';
import { SessionAnswers } from './session-answers.js';

/**
 * What {@link AuthResponder.signIn} can do besides the options of every sign-in.
 *
 * @example
 * const wanted: SignInAnswer = { redirectTo: '/welcome', allowCrossSite: true, amr: ['fed'] };
 */
export interface SignInAnswer extends SignInRequest {
  /**
   * Answers 303 to this page instead of a token response: a path of this host, or a URL of an origin in
   * `cookie.allowedOrigins`. It needs the transport `'cookie'`, because a URL must not carry a token.
   */
  redirectTo?: string;
  /**
   * Accepts a request that comes from a page of another site, as the callback of an identity provider and a link in a mail
   * do. Set it only if the route has its own protection: the `state` of OAuth (RFC 6749 §10.12), or a ticket that only this
   * browser has. Otherwise a page of an attacker could sign visitors in to the attacker's account.
   */
  allowCrossSite?: boolean;
}

/**
 * Answers routes of your own as `/auth/login`, `/auth/refresh` and `/auth/step-up` answer: with cookies or a body, the
 * binding, the risk rules, the events and `no-store`. A sign-in replaces the session of the browser.
 *
 * It writes the answer itself, on Express and Fastify. Do not send anything else. An `AuthError` is thrown, so you can catch
 * it; if you do not, your filters answer it, and its headers are already set.
 *
 * @example
 * @Public()
 * @UseGuards(AuthGuard('google'))
 * @Get('auth/google/callback')
 * callback(@Req() request: Request & { user: AuthUser }, @Res() response: Response) {
 *   return this.responder.signIn(request.user, request, response, { redirectTo: '/', allowCrossSite: true });
 * }
 */
@Injectable()
export class AuthResponder {
  constructor(
    private readonly answers: SessionAnswers,
    private readonly refreshTokens: RefreshTokenService,
    private readonly impersonation: ImpersonationService,
    private readonly presented: PresentedRefreshToken,
    private readonly tls: TlsConfig,
    private readonly config: RefreshTokenConfig,
    private readonly cookieConfig: CookieConfig,
  ) {}

  /**
   * Begins a session for a user whom you have authenticated, and answers with its tokens.
   *
   * @param user whom you have authenticated, in any way
   * @param wanted the options of the session, and a page to redirect to
   * @throws AuthError `forbidden` if a page of another site sent the request, without `allowCrossSite`
   * @throws AuthError `invalid_request` if `redirectTo` leads to another host, or the transport is `'body'`
   * @throws AuthError `temporarily_unavailable` if the response has been sent already
   * @throws AuthError whatever `RefreshTokenService.issue` throws
   * @example
   * await this.responder.signIn(user, request, response, { amr: ['hwk'], acr: 'aal2' });
   */
  signIn(
    user: AuthUser<object>,
    request: HttpRequest,
    response: HttpResponse,
    wanted: SignInAnswer = {},
  ): Promise<void> {
    const { redirectTo, allowCrossSite = false, ...session } = wanted;
    return this.answer(request, response, async () => {
      assertTls(request, this.tls);
      const transport = session.transport ?? this.config.defaultTransport;
      const location =
        redirectTo === undefined ? undefined : redirectLocation(redirectTo, this.cookieConfig.allowedOrigins);
      if (location !== undefined && transport !== 'cookie') {
        throw new AuthError('invalid_request', 'A redirect needs the transport "cookie": a URL carries no token.');
      }
      const answer = await this.answers.signIn(
        request,
        response,
        transport,
        allowCrossSite,
        ({ client, evidence, use, deviceId }) =>
          this.refreshTokens.issue(user, { deviceId, ...session, transport }, client, evidence, use),
      );
      return location === undefined ? answer : { location, cookies: answer.cookies };
    });
  }

  /**
   * Refreshes the session of the refresh token in the request, in its body or its cookie, and answers with the new tokens.
   *
   * @throws AuthError whatever `POST /auth/refresh` answers; the cookie of a dead session is removed
   * @example
   * await this.responder.refresh(request, response);
   */
  refresh(request: HttpRequest, response: HttpResponse): Promise<void> {
    return this.answer(request, response, () => this.answers.refresh(request, response));
  }

  /**
   * Refreshes the session after the user has authenticated again, and answers with the new tokens.
   *
   * @param proof what your `reauthenticate` takes: a password, a one-time password, the assertion of a passkey
   * @throws AuthError whatever `POST /auth/step-up` answers
   * @example
   * await this.responder.stepUp({ otp: '123456' }, request, response);
   */
  stepUp(proof: unknown, request: HttpRequest, response: HttpResponse): Promise<void> {
    return this.answer(request, response, () => this.answers.stepUp(proof, request, response));
  }

  /**
   * Begins a session in which the administrator of the request acts as a user, and answers with its tokens in the body. The
   * administrator's own session and cookie stay.
   *
   * @param userId whom they act as
   * @throws AuthError `unauthorized` if no guard has found the administrator
   * @throws AuthError whatever `ImpersonationService.begin` throws
   * @example
   * await this.responder.impersonate(userId, request, response, { ttl: '15m' });
   */
  impersonate(
    userId: string,
    request: HttpRequest,
    response: HttpResponse,
    options: ImpersonationOptions = {},
  ): Promise<void> {
    return this.answer(request, response, async () => {
      assertTls(request, this.tls);
      const actor = request.user as AuthenticatedUser | undefined;
      if (!actor) throw new AuthError('unauthorized');
      return this.answers.signIn(request, response, 'body', true, ({ client, evidence, use }) =>
        this.impersonation.begin(actor, userId, options, client, evidence, use),
      );
    });
  }

  private answer(request: HttpRequest, response: HttpResponse, work: () => Promise<OwnAnswer>): Promise<void> {
    return answerNow(response, work, (error) => this.refusalOf(error, request));
  }

  private refusalOf(error: unknown, request: HttpRequest): AnswerHeaders {
    if (!(error instanceof AuthError)) return {};
    return { headers: Object.entries(error.headers), cookies: this.presented.cookiesToRemove(request, error) };
  }
}
