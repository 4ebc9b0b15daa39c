import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { catchError, concatWith, defer, finalize, ignoreElements, type Observable, throwError } from 'rxjs';
import type { HttpResponse } from '../../auth/common/request/http-request.js';
import { ThrottledAttempts } from './throttled-attempts.js';

/** Counts requests that failed, before they are answered. */
@Injectable()
export class ThrottlingInterceptor implements NestInterceptor {
  constructor(private readonly attempts: ThrottledAttempts) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const response = context.switchToHttp().getResponse<HttpResponse>();
    this.attempts.passedGuards(response);
    return next.handle().pipe(
      // An interceptor of the host may have made a value of the error of an auth route.
      concatWith(this.end(response)),
      catchError((error: unknown) => this.end(response, error).pipe(concatWith(throwError(() => error)))),
      // An interceptor of the host may have given up.
      finalize(() => void this.attempts.end(response).catch(() => undefined)),
    );
  }

  private end(response: HttpResponse, error?: unknown): Observable<never> {
    return defer(() => this.attempts.end(response, error)).pipe(ignoreElements());
  }
}
