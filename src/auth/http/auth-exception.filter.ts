import { type ArgumentsHost, Catch, Injectable, NotFoundException } from '@nestjs/common';
import { BaseExceptionFilter, HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { type Observable, throwError } from 'rxjs';
import { AuthError } from '../common/errors/auth-error.js';
import type { HttpRequest } from '../common/request/http-request.js';
import { PresentedRefreshToken } from '../guards/presented-refresh-token.js';
import { AuthModuleRegistry } from '../modules/auth-module-registry.js';
import { AuthRouteFilter } from './auth-route.filter.js';

/**
 * Answers every error of the auth routes as `{ error, error_description }`. Register it for the whole application. Then
 * it also answers two errors that no controller sees: a body that cannot be parsed, and an unknown path below the
 * prefix. It adds the headers of every `AuthError`. Nest answers all other errors as usual.
 *
 * In a microservice, the caller of a handler gets an `AuthError` as `{ error, error_description }`. In GraphQL, its
 * code is `extensions.code` of the error.
 *
 * @example
 * @Module({ providers: [{ provide: APP_FILTER, useClass: AuthExceptionFilter }] })
 * export class AppModule {}
 */
@Injectable()
@Catch()
export class AuthExceptionFilter extends BaseExceptionFilter {
  private readonly modules: AuthModuleRegistry;

  constructor(adapterHost: HttpAdapterHost, modules: ModulesContainer) {
    super(adapterHost.httpAdapter);
    this.modules = new AuthModuleRegistry(modules);
  }

  /** Returns an observable for microservices. `undefined` leaves the error to Nest. */
  override catch(exception: unknown, host: ArgumentsHost): Observable<never> | void {
    switch (host.getType<string>()) {
      case 'http':
        return this.answer(exception, host);
      case 'rpc':
        return exception instanceof AuthError ? throwError(() => exception.getResponse()) : undefined;
      default:
        return undefined;
    }
  }

  private answer(exception: unknown, host: ArgumentsHost): void {
    const { method, originalUrl, url } = host.switchToHttp().getRequest<HttpRequest>();
    const asked = originalUrl ?? url;
    const isOurs =
      exception instanceof AuthError ||
      this.modules.at(asked) ||
      (isNobodys(exception, method, asked) && this.modules.below(asked));
    if (!isOurs) return super.catch(exception, host);
    const module = this.modules.ofCookieAt(asked);
    new AuthRouteFilter(module?.service(PresentedRefreshToken)).catch(exception, host);
  }
}

/**
 * Whether the router itself found no route. An error from middleware belongs to the application, although no route is
 * known then either.
 */
function isNobodys(exception: unknown, method: string, url: string): boolean {
  return exception instanceof NotFoundException && exception.message === `Cannot ${method} ${url}`;
}
