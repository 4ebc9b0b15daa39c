import {
  type CallHandler,
  type ExecutionContext,
  HttpException,
  Injectable,
  type NestInterceptor,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { type Observable, tap } from 'rxjs';
import { AUTH_ROUTE, type AuthRouteName } from '../../auth/common/request/auth-route.decorator.js';
import { AuthMetrics } from './auth-metrics.js';

/** Measures the response time of the auth routes, for success and failure. */
@Injectable()
export class RequestDurationInterceptor implements NestInterceptor {
  constructor(
    private readonly reflector: Reflector,
    private readonly metrics: AuthMetrics,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const route = this.reflector.get<AuthRouteName | undefined>(AUTH_ROUTE, context.getHandler());
    if (route === undefined) return next.handle();
    const startedAt = performance.now();
    const observe = (status: number) =>
      this.metrics.requestDuration.observe({ route, status }, (performance.now() - startedAt) / 1000);
    return next.handle().pipe(
      tap({
        complete: () => observe(200),
        error: (error: unknown) => observe(error instanceof HttpException ? error.getStatus() : 500),
      }),
    );
  }
}
