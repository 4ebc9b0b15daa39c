import {
  type CallHandler,
  type ExecutionContext,
  HttpException,
  Injectable,
  type NestInterceptor,
} from '@nestjs/common';
import { catchError, concatWith, defer, EMPTY, from, ignoreElements, type Observable, throwError } from 'rxjs';
import type { AuthErrorCode } from '../../auth/common/errors/auth-error-codes.js';
import { AuthError } from '../../auth/common/errors/auth-error.js';
import { decisionIn } from '../../auth/http/own-answer.js';
import type { FailureKey } from './failure-keys.js';
import { FailureLimit } from './failure-limit.js';
import { ThrottledRequests } from './throttled-request.js';

/** Wrong guesses. Other failures do not count, for example an unavailable database. */
const GUESSES: ReadonlySet<AuthErrorCode> = new Set(['invalid_credentials', 'invalid_grant']);
/**
 * Not guesses. But anyone can cause these refusals, and each leaves an event. The limit prevents them from filling the
 * table.
 */
const REFUSED_LOGINS: ReadonlySet<AuthErrorCode> = new Set(['invalid_dpop_proof', 'region_not_allowed', 'forbidden']);

/** Counts failed requests. */
@Injectable()
export class ThrottlingInterceptor implements NestInterceptor {
  constructor(
    private readonly limit: FailureLimit,
    private readonly requests: ThrottledRequests,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(
      // An interceptor of the host may have made a value of the error of an auth route.
      concatWith(defer(() => this.count(context, decisionIn(context)?.error))),
      catchError((error: unknown) => this.countBefore(context, error)),
    );
  }

  private countBefore(context: ExecutionContext, error: unknown): Observable<never> {
    const again = defer(() => throwError(() => error));
    return this.count(context, decisionIn(context)?.error ?? error).pipe(concatWith(again));
  }

  private count(context: ExecutionContext, error: unknown): Observable<never> {
    const code = codeOf(error);
    const throttled = code && this.requests.of(context);
    const keys = throttled ? countedBy(code, throttled.keys) : [];
    return keys.length > 0 ? from(this.limit.count({ ...throttled!, keys })).pipe(ignoreElements()) : EMPTY;
  }
}

/** Routes of the host may not use `AuthError`. There, any 401 counts as a wrong guess. */
function codeOf(error: unknown): AuthErrorCode | undefined {
  if (error instanceof AuthError) return error.sessionLives ? undefined : error.code;
  return error instanceof HttpException && error.getStatus() === 401 ? 'invalid_credentials' : undefined;
}

function countedBy(code: AuthErrorCode, keys: readonly FailureKey[]): readonly FailureKey[] {
  if (GUESSES.has(code)) return keys;
  return REFUSED_LOGINS.has(code) ? keys.filter(({ kind }) => kind === 'login_of_address') : [];
}
