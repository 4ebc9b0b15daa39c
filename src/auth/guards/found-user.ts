import { type ExecutionContext, Logger } from '@nestjs/common';
import type { AuthenticatedUser } from '../access-token/authenticated-user.js';
import { AuthError } from '../common/errors/auth-error.js';
import { requestOf } from '../common/request/request-of.js';

/** For guards that run after `JwtAuthGuard`: the user that it found. */
export class FoundUser {
  private readonly reported = new WeakSet<object>();

  /** @param advice how to order the guards; logged once for each route without a user */
  constructor(
    private readonly guard: string,
    private readonly advice: string,
  ) {}

  /** @throws AuthError `unauthorized` if no earlier guard has found a user */
  require(context: ExecutionContext): AuthenticatedUser {
    const user = requestOf(context)?.user as AuthenticatedUser | undefined;
    if (user) return user;
    this.report(context);
    throw new AuthError('unauthorized');
  }

  private report(context: ExecutionContext): void {
    const handler = context.getHandler();
    if (this.reported.has(handler)) return;
    this.reported.add(handler);
    const route = `${context.getClass().name}.${handler.name}`;
    new Logger(this.guard).warn(`${route}: no guard that ran before ${this.guard} has found a user. ${this.advice}`);
  }
}
