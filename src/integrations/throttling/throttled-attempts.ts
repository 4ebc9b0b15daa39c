import { type ExecutionContext, HttpException, Injectable } from '@nestjs/common';
import type { AuthErrorCode } from '../../auth/common/errors/auth-error-codes.js';
import { AuthError } from '../../auth/common/errors/auth-error.js';
import { hasHungUp } from '../../auth/common/request/has-hung-up.js';
import type { HttpResponse } from '../../auth/common/request/http-request.js';
import { lateCheckOf } from '../../auth/user/late-checks.js';
import { decisionOf, workOf } from '../../auth/http/own-answer.js';
import { isOver, type RawResponse, rawResponse } from '../../auth/streams/open-response.js';
import type { FailureKey } from './failure-keys.js';
import { FailureLimit, type Places } from './failure-limit.js';
import { onEnd } from './response-end.js';
import { type ThrottledRequest, ThrottledRequests } from './throttled-request.js';

/** Wrong guesses. Other failures do not count, for example an unavailable database. */
const GUESSES: ReadonlySet<AuthErrorCode> = new Set(['invalid_credentials', 'invalid_grant']);
/**
 * Not guesses. But anyone can cause these refusals of a login, and each leaves an event. The limit prevents them from
 * filling the table.
 */
const REFUSED_LOGINS: ReadonlySet<AuthErrorCode> = new Set(['region_not_allowed', 'forbidden', 'invalid_mfa_ticket']);

/** A request that has its places. */
interface RunningAttempt {
  readonly request: ThrottledRequest;
  readonly places: Places;
  /** Whether all guards have let it pass. */
  hasPassedGuards: boolean;
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
    const http = context.switchToHttp();
    const response = http.getResponse<HttpResponse>();
    const raw = rawResponse(response);
    if (isOver(raw) || hasHungUp(http.getRequest())) {
      // The client has hung up while it waited for its place.
      await places.settle([]);
      throw new AuthError('too_many_requests');
    }
    this.running.set(response, { request, places, hasPassedGuards: false });
    onEnd(
      http.getRequest(),
      raw,
      (status) => this.ignoringErrors(this.endForeign(response, status)),
      () => this.ignoringErrors(this.closed(response, raw)),
    );
  }

  passedGuards(response: HttpResponse): void {
    const attempt = this.running.get(response);
    if (attempt) attempt.hasPassedGuards = true;
  }

  /**
   * Counts how the work of a route has ended: a route of the library, or one that has thrown. Only the first call has an
   * effect.
   *
   * @param error of the route, if it has thrown
   * @throws AuthError `too_many_requests` if the limit had already been reached on another instance
   */
  async end(response: HttpResponse, error?: unknown): Promise<void> {
    const attempt = this.running.get(response);
    if (!attempt) return;
    const [decision, work] = [decisionOf(response), workOf(response)];
    if (work && !decision) {
      // An interceptor of the host has given up, or the client has. The password is still being checked.
      const endLater = (error?: unknown) => this.ignoringErrors(this.end(response, error));
      void work.then(() => endLater(), endLater);
      return;
    }
    // A route of the host may answer by itself, and later.
    if (!decision && error === undefined) return;
    if (decision?.answer) decision.answer.cookies?.push(...attempt.request.deviceCookies());
    const { request, places } = attempt;
    const reason = decision ? decision.error : error;
    const lateCheck = lateCheckOf(reason);
    if (!lateCheck) return this.settle(response, failedKeys(reason, request));
    this.running.delete(response);
    const settle = (failed: readonly FailureKey[]) => this.ignoringErrors(places.settle(failed));
    void lateCheck.then(
      (isRight) => settle(isRight ? [] : request.keys.guessed),
      (late: unknown) => settle(failedKeys(late, request)),
    );
  }

  /** A guard answers, or a route of the host does. The library's own guards answer 401 only to forged tokens. */
  private async endForeign(response: HttpResponse, status: number): Promise<void> {
    const attempt = this.running.get(response);
    if (!attempt || workOf(response)) return this.end(response);
    const {
      request: { keys, isLogin, isOwn },
      hasPassedGuards,
    } = attempt;
    // A guard may check the password of a login. But no guard checks that of a step-up.
    const failed = isLogin || hasPassedGuards ? keys.guessed : keys.refused;
    await this.settle(response, status === 401 && !isOwn ? failed : []);
  }

  /**
   * If the client hangs up before a route of the host has answered, the password may be checked all the same. So it counts
   * as a wrong one.
   */
  private closed(response: HttpResponse, raw: RawResponse): Promise<void> {
    return this.endForeign(response, raw.headersSent ? raw.statusCode : 401);
  }

  private async settle(response: HttpResponse, failed: readonly FailureKey[]): Promise<void> {
    const attempt = this.running.get(response);
    this.running.delete(response);
    await attempt?.places.settle(failed);
  }

  /** The answer is on its way. */
  private ignoringErrors(work: Promise<void>): void {
    work.catch(() => undefined);
  }
}

/** The keys that count this error of a route. */
function failedKeys(error: unknown, { keys, isLogin }: ThrottledRequest): readonly FailureKey[] {
  // Routes of the host may not use `AuthError`. There, any 401 counts as a wrong guess.
  if (!(error instanceof AuthError)) {
    return error instanceof HttpException && error.getStatus() === 401 ? keys.guessed : [];
  }
  if (error.overloaded) return keys.overloading;
  if (error.bindingFailed) return keys.refused;
  if (error.sessionLives) return [];
  if (GUESSES.has(error.code)) return keys.guessed;
  return isLogin && REFUSED_LOGINS.has(error.code) ? keys.refused : [];
}
