import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Inject, Logger } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { AuthError } from '../common/errors/auth-error.js';
import type { HttpRequest, HttpResponse } from '../common/request/http-request.js';
import { RefreshCookie } from '../cookie/refresh-cookie.js';
import { appendCookies } from './append-cookies.js';
import { NO_STORE } from './no-store.decorator.js';

/** Answers every error of an auth route as `{"error", "error_description"}`, with the headers of the error. */
@Catch()
export class AuthRouteFilter implements ExceptionFilter {
  private readonly logger = new Logger('Auth');

  constructor(
    private readonly adapterHost: HttpAdapterHost,
    @Inject(RefreshCookie) private readonly cookie: RefreshCookie | undefined,
  ) {}

  catch(exception: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const response = http.getResponse<HttpResponse>();
    const error = this.authErrorOf(exception);
    this.log(error);

    response.header(...NO_STORE);
    for (const [name, value] of Object.entries(error.headers)) response.header(name, value);
    const request = http.getRequest<HttpRequest>();
    const dead = this.deadCookie(error, request);
    if (dead) appendCookies(response, dead.clearCookies(request));
    this.adapterHost.httpAdapter.reply(response, error.getResponse(), error.getStatus());
  }

  private authErrorOf(exception: unknown): AuthError {
    if (exception instanceof AuthError) return exception;
    const status = exception instanceof HttpException ? exception.getStatus() : statusOf(exception);
    if (status === 404) return new AuthError('not_found');
    // The body cannot be read, is too large or has an unsupported type.
    if (status >= 400 && status < 500) return new AuthError('invalid_request');
    return new AuthError('server_error', undefined, { cause: exception });
  }

  /** Logs the cause's stack or message and no other property: a driver's error holds the values of its statement. */
  private log(error: AuthError): void {
    if (error.getStatus() < 500) return;
    const cause = error.cause instanceof Error ? (error.cause.stack ?? error.cause.message) : String(error.cause);
    this.logger.error(`${error.code}: ${cause}`);
  }

  /** The cookie to remove, because its session is dead. */
  private deadCookie(error: AuthError, request: HttpRequest): RefreshCookie | undefined {
    if (error.code !== 'invalid_grant' || error.sessionLives) return undefined;
    return this.cookie?.read(request) === undefined ? undefined : this.cookie;
  }
}

/** The status that body parsers of Express and Fastify set on their errors. */
function statusOf(exception: unknown): number {
  const { statusCode } = (exception ?? {}) as { statusCode?: unknown };
  return typeof statusCode === 'number' ? statusCode : 500;
}
