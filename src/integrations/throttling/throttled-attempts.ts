import { type ExecutionContext, HttpException, Injectable } from '@nestjs/common';
import type { AuthErrorCode } from '../../auth/common/errors/auth-error-codes.js';
import { AuthError } from '../../auth/common/errors/auth-error.js';
import type { HttpResponse } from '../../auth/common/request/http-request.js';
import { decisionOf, workOf } from '../../auth/http/own-answer.js';
import { isOver, rawResponse } from '../../auth/streams/open-response.js';
import type { FailureKey } from './failure-keys.js';
import { FailureLimit, type Places } from './failure-limit.js';
import { type ThrottledRequest, ThrottledRequests } from './throttled-request.js';

/** Wrong guesses. Other failures do not count, for example an unavailable database. */
const GUESSES: ReadonlySet<AuthErrorCode> = new Set(['invalid_credentials', 'invalid_grant']);
/**
 * Not guesses. But anyone can cause these refusals of a login, and each leaves an event. The limit prevents them from
 * filling the table.
 */
const REFUSED_LOGINS: ReadonlySet<AuthErrorCode> = new Set(['region_not_allowed', 'forbidden']);

/** Milliseconds after which a route of the host counts as hanging, if its client has hung up. */
const LONGEST_ROUTE = 60_000;

/** A request that has its places. */
interface RunningAttempt {
  readonly request: ThrottledRequest;
  readonly places: Places;
  /** Whether all guards have let it pass. */
  isEvaluated: boolean;
}

/** Begins the attempts of requests to auth routes, and counts how they end. */
@Injectable()
export class ThrottledAttempts {
  private readonly running = new WeakMap<HttpResponse, RunningAttempt>();

  constructor(
    private readonly limit: FailureLimit,
    private readonly requests: ThrottledRequests,
  ) {}

  /** @throws AuthError `too_many_requests` */
  async begin(context: ExecutionContext): Promise<void> {
    const request = this.requests.of(context);
    if (!request) return;
    const { keys, isForged, tell } = request;
    const places = await this.limit.begin(keys.limiting, tell);
    // The guard of the route refuses a forged token, and the interceptor does not run then. So it is counted here.
    if (isForged) return places.settle(keys.guessed);
    const response = context.switchToHttp().getResponse<HttpResponse>();
    const raw = rawResponse(response);
    if (isOver(raw)) {
      // The client has hung up while it waited for its place.
      await places.settle([]);
      throw new AuthError('too_many_requests');
    }
    this.running.set(response, { request, places, isEvaluated: false });
    raw.once('close', () => this.closed(response));
  }

  /** The attempt is evaluated from now on. It keeps its places until that ends, even if the client hangs up. */
  evaluate(response: HttpResponse): void {
    const attempt = this.running.get(response);
    if (attempt) attempt.isEvaluated = true;
  }

  /**
   * Counts how the attempt of this response has ended. Only the first call has an effect.
   *
   * @param error of the route, if it does not answer by itself
   * @throws AuthError `too_many_requests` if the limit had already been reached on another instance
   */
  async end(response: HttpResponse, error?: unknown): Promise<void> {
    const attempt = this.running.get(response);
    if (!attempt) return;
    const [decision, work] = [decisionOf(response), workOf(response)];
    if (work && !decision) {
      // An interceptor of the host has given up, or the client has. The password is still being checked.
      const endLater = () => this.end(response).catch(() => undefined);
      void work.then(endLater, endLater);
      return;
    }
    this.running.delete(response);
    const { request, places } = attempt;
    if (decision?.answer) decision.answer.cookies?.push(...request.deviceCookies());
    await places.settle(failedKeys(decision ? decision.error : error, request));
  }

  /** A guard has refused the request, or the client has hung up. */
  private closed(response: HttpResponse): void {
    const end = () => void this.end(response).catch(() => undefined);
    if (this.running.get(response)?.isEvaluated) setTimeout(end, LONGEST_ROUTE).unref();
    else end();
  }
}

/** The keys that count this error of a route. */
function failedKeys(error: unknown, { keys, isLogin }: ThrottledRequest): readonly FailureKey[] {
  // Routes of the host may not use `AuthError`. There, any 401 counts as a wrong guess.
  if (!(error instanceof AuthError)) {
    return error instanceof HttpException && error.getStatus() === 401 ? keys.guessed : [];
  }
  if (error.overloaded) return [keys.ofAddress];
  if (error.bindingFailed) return keys.refused;
  if (error.sessionLives) return [];
  if (GUESSES.has(error.code)) return keys.guessed;
  return isLogin && REFUSED_LOGINS.has(error.code) ? keys.refused : [];
}
