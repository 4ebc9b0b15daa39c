import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { catchError, concatWith, defer, ignoreElements, type Observable, throwError } from 'rxjs';
import type { HttpResponse } from '../../auth/common/request/http-request.js';
import { ThrottledAttempts } from './throttled-attempts.js';

/** Counts requests that failed, before they are answered. */
@Injectable()
export class ThrottlingInterceptor implements NestInterceptor {
  constructor(private readonly attempts: ThrottledAttempts) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(
      // An interceptor of the host may have made a value of the error of an auth route.
      concatWith(this.end(context)),
      catchError((error: unknown) => this.end(context, error).pipe(concatWith(throwError(() => error)))),
    );
  }

  private end(context: ExecutionContext, error?: unknown): Observable<never> {
    const response = context.switchToHttp().getResponse<HttpResponse>();
    return defer(() => this.attempts.end(response, error)).pipe(ignoreElements());
  }
}
