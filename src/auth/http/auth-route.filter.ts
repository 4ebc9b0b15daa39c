import { type ArgumentsHost, Catch, type ExceptionFilter, Inject, Logger } from '@nestjs/common';
import { AuthError } from '../common/errors/auth-error.js';
import type { HttpRequest, HttpResponse } from '../common/request/http-request.js';
import { RefreshCookie } from '../cookie/refresh-cookie.js';
import { PresentedRefreshToken } from '../guards/presented-refresh-token.js';
import { isReported } from '../user/checked-user.js';
import { foreignAnswer } from './foreign-error.js';
import { decisionOf, endAnswer, isAnswered, writeAnswer, writeOwn } from './own-answer.js';

/**
 * Answers every error of an auth route as `{"error", "error_description"}`. An error that the host threw keeps its status
 * and its headers, and touches neither the session nor the cookie.
 */
@Catch()
export class AuthRouteFilter implements ExceptionFilter {
  private readonly logger = new Logger('Auth');
  /** The failures of the host are logged as Nest itself logs them. */
  private readonly foreignLogger = new Logger('ExceptionsHandler');

  constructor(
    @Inject(RefreshCookie) private readonly cookie: RefreshCookie | undefined,
    @Inject(PresentedRefreshToken) private readonly presented: PresentedRefreshToken | undefined,
  ) {}

  catch(exception: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<HttpRequest>();
    const response = http.getResponse<HttpResponse>();
    const decision = decisionOf(response);
    if (isAnswered(response)) {
      this.logFailure(exception);
      return endAnswer(response);
    }
    // An interceptor failed after the route had succeeded. The session has changed, so its client must get the answer.
    if (decision?.answer) {
      this.logFailure(exception);
      return writeOwn(response, decision.answer);
    }
    // An interceptor may have replaced the error of the route.
    const error = exception instanceof AuthError || !decision ? exception : decision.error;
    if (error instanceof AuthError) return this.answer(error, request, response);
    const { failed, status, code, description, headers } = foreignAnswer(error);
    if (decision && failed) {
      return this.answer(new AuthError('server_error', undefined, { cause: error }), request, response);
    }
    if (failed) this.foreignLogger.error(textOf(error));
    writeAnswer(response, status, { error: code, error_description: description }, { headers });
  }

  private answer(error: AuthError, request: HttpRequest, response: HttpResponse): void {
    const isForLog = error.getStatus() >= 500 && !error.overloaded && !isReported(error);
    if (isForLog) this.logger.error(`${error.code}: ${textOf(error.cause)}`);
    const cookies = this.deadCookies(error, request) ?? this.strayCookies(error, request);
    writeAnswer(response, error.getStatus(), error.getResponse() as object, {
      headers: Object.entries(error.headers),
      cookies,
    });
  }

  private logFailure(exception: unknown): void {
    const isFailure = !(exception instanceof AuthError) && foreignAnswer(exception).failed;
    if (isFailure) this.foreignLogger.error(textOf(exception));
  }

  /** Removes the cookies whose session is dead. */
  private deadCookies(error: AuthError, request: HttpRequest): string[] | undefined {
    if (error.code !== 'invalid_grant' || error.sessionLives) return undefined;
    const isOurs = this.cookie?.read(request) !== undefined && !this.presented?.hasForeignCookie(request);
    return isOurs ? this.cookie?.clearCookies(request) : undefined;
  }

  /** Removes the cookies that are not ours, so that the request can be repeated with ours. */
  private strayCookies(error: AuthError, request: HttpRequest): string[] | undefined {
    const isRefused = error.code === 'superseded' && this.presented?.hasSeveralSessions(request);
    return isRefused ? this.cookie?.clearStrayCookies(request) : undefined;
  }
}

/** The stack or the message, and no other property: a driver's error holds the values of its statement. */
function textOf(error: unknown): string {
  try {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  } catch {
    return 'an error that cannot be read';
  }
}
