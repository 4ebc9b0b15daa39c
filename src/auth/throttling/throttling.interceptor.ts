import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { catchError, from, mergeMap, type Observable, throwError } from 'rxjs';
import { AuthError, type AuthErrorCode } from '../errors/auth-error.js';
import { FailureLimit } from './failure-limit.js';
import { ThrottledRequests } from './throttled-request.js';

/** Wrong guesses. What fails for another reason, such as a database that is down, is nobody's fault. */
const GUESSES: ReadonlySet<AuthErrorCode> = new Set(['invalid_credentials', 'invalid_grant']);

/** Counts those who fail. */
@Injectable()
export class ThrottlingInterceptor implements NestInterceptor {
  constructor(
    private readonly limit: FailureLimit,
    private readonly requests: ThrottledRequests,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(catchError((error: unknown) => this.count(context, error)));
  }

  private count(context: ExecutionContext, error: unknown): Observable<never> {
    const again = throwError(() => error);
    if (!(error instanceof AuthError) || !GUESSES.has(error.code) || error.sessionLives) return again;
    const throttled = this.requests.of(context);
    return throttled ? from(this.limit.count(throttled)).pipe(mergeMap(() => again)) : again;
  }
}
