import {
  type CallHandler,
  type ExecutionContext,
  HttpException,
  Injectable,
  type NestInterceptor,
} from '@nestjs/common';
import { catchError, from, mergeMap, type Observable, throwError } from 'rxjs';
import type { AuthErrorCode } from '../../auth/common/errors/auth-error-codes.js';
import { AuthError } from '../../auth/common/errors/auth-error.js';
import type { FailureKey } from './failure-keys.js';
import { FailureLimit } from './failure-limit.js';
import { ThrottledRequests } from './throttled-request.js';

/** The refusals that count as wrong guesses. Other failures do not count, for example of the database. */
const GUESSES: ReadonlySet<AuthErrorCode> = new Set(['invalid_credentials', 'invalid_grant']);
/** No guesses; but anybody can have a login refused so, and each leaves an event: a table is not to be filled by them. */
const REFUSED_LOGINS: ReadonlySet<AuthErrorCode> = new Set(['invalid_dpop_proof', 'region_not_allowed', 'forbidden']);

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
    const code = codeOf(error);
    const throttled = code && this.requests.of(context);
    const keys = throttled ? countedBy(code, throttled.keys) : [];
    return keys.length > 0 ? from(this.limit.count({ ...throttled!, keys })).pipe(mergeMap(() => again)) : again;
  }
}

/** A route of the host's own may know nothing of `AuthError`: there, any 401 is a wrong guess. */
function codeOf(error: unknown): AuthErrorCode | undefined {
  if (error instanceof AuthError) return error.sessionLives ? undefined : error.code;
  return error instanceof HttpException && error.getStatus() === 401 ? 'invalid_credentials' : undefined;
}

function countedBy(code: AuthErrorCode, keys: readonly FailureKey[]): readonly FailureKey[] {
  if (GUESSES.has(code)) return keys;
  return REFUSED_LOGINS.has(code) ? keys.filter(({ kind }) => kind === 'login_of_address') : [];
}
