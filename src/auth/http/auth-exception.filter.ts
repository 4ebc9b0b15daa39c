import { type ArgumentsHost, Catch, Injectable, NotFoundException } from '@nestjs/common';
import { BaseExceptionFilter, HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { type Observable, throwError } from 'rxjs';
import { AuthError } from '../common/errors/auth-error.js';
import type { HttpRequest } from '../common/request/http-request.js';
import { AuthModuleRegistry } from '../modules/auth-module-registry.js';
import { AuthRouteFilter } from './auth-route.filter.js';

/**
 * For the whole application, by `{ provide: APP_FILTER, useClass: AuthExceptionFilter }`: answers a body of an auth route
 * that cannot be parsed, and a path below theirs that is nobody's, in the same form as every other error there, although no
 * controller has seen them, and adds the headers of every `AuthError`. All other errors are answered as Nest does.
 *
 * In a microservice an `AuthError` reaches the caller as `{ error, error_description }`, in GraphQL with its code as the
 * error's `extensions.code`.
 */
@Injectable()
@Catch()
export class AuthExceptionFilter extends BaseExceptionFilter {
  private readonly modules: AuthModuleRegistry;

  constructor(
    private readonly adapterHost: HttpAdapterHost,
    modules: ModulesContainer,
  ) {
    super(adapterHost.httpAdapter);
    this.modules = new AuthModuleRegistry(modules);
  }

  /** What is returned is for contexts other than HTTP; `undefined`: that Nest itself is to deal with it. */
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
    new AuthRouteFilter(this.adapterHost, this.modules.cookieAt(asked)).catch(exception, host);
  }
}

/** The router's own refusal. What a middleware throws is the host's, though no route has been found by then either. */
function isNobodys(exception: unknown, method: string, url: string): boolean {
  return exception instanceof NotFoundException && exception.message === `Cannot ${method} ${url}`;
}
