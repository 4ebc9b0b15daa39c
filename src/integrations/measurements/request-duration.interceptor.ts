import {
  type CallHandler,
  type ExecutionContext,
  HttpException,
  Injectable,
  type NestInterceptor,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { type Observable, tap } from 'rxjs';
import { authRouteOf } from '../../auth/common/request/auth-route.decorator.js';
import { decisionIn } from '../../auth/http/own-answer.js';
import { AuthMeasurements } from './auth-measurements.js';

/** Measures the response time of the auth routes, for success and failure. */
@Injectable()
export class RequestDurationInterceptor implements NestInterceptor {
  constructor(
    private readonly reflector: Reflector,
    private readonly measurements: AuthMeasurements,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const route = authRouteOf(this.reflector, context);
    if (route === undefined) return next.handle();
    const startedAt = performance.now();
    const observe = (status: number) =>
      this.measurements.requestDuration({ route, status: String(status) }, (performance.now() - startedAt) / 1000);
    return next.handle().pipe(
      tap({
        complete: () => observe(decidedStatus(context) ?? 200),
        error: (error: unknown) => observe(decidedStatus(context) ?? statusOf(error)),
      }),
    );
  }
}

/** What an auth route answers, whatever interceptors of the host make of it. */
function decidedStatus(context: ExecutionContext): number | undefined {
  const decision = decisionIn(context);
  return decision && (decision.answer ? 200 : statusOf(decision.error));
}

function statusOf(error: unknown): number {
  return error instanceof HttpException ? error.getStatus() : 500;
}
