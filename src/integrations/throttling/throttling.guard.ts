import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { FailureLimit } from './failure-limit.js';
import { ThrottledRequests } from './throttled-request.js';

/** Refuses clients that failed too often, before any other check. */
@Injectable()
export class ThrottlingGuard implements CanActivate {
  constructor(
    private readonly limit: FailureLimit,
    private readonly requests: ThrottledRequests,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const throttled = this.requests.of(context);
    if (!throttled) return true;
    this.limit.assertBearable(throttled);
    // The guard of the route refuses a forged token, and the interceptor does not run then. So it is counted here.
    if (throttled.isForged) await this.limit.count(throttled);
    return true;
  }
}
