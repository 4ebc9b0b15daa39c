import { type ArgumentsHost, Catch, type ExceptionFilter, Inject, Logger } from '@nestjs/common';
import { AuthError } from '../common/errors/auth-error.js';
import type { HttpRequest, HttpResponse } from '../common/request/http-request.js';
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

  constructor(@Inject(PresentedRefreshToken) private readonly presented: PresentedRefreshToken | undefined) {}

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
    writeAnswer(response, error.getStatus(), error.getResponse() as object, {
      headers: Object.entries(error.headers),
      cookies: this.presented?.cookiesToRemove(request, error),
    });
  }

  private logFailure(exception: unknown): void {
    const isFailure = !(exception instanceof AuthError) && foreignAnswer(exception).failed;
    if (isFailure) this.foreignLogger.error(textOf(exception));
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
