import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { FailureLimit } from './failure-limit.js';
import { ThrottledRequests } from './throttled-request.js';

/** Refuses those who have failed too often, before anything is looked at. */
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
    // The route's own guard refuses it, where no interceptor sees it.
    if (throttled.isForged) await this.limit.count(throttled);
    return true;
  }
}
