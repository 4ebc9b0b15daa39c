import { type ExecutionContext, Logger } from '@nestjs/common';
import type { AuthenticatedUser } from '../access-token/authenticated-user.js';
import { AuthError } from '../common/errors/auth-error.js';
import { requestOf } from '../common/request/request-of.js';

/** For guards that come after `JwtAuthGuard`: the user whom it found. */
export class FoundUser {
  private readonly reported = new WeakSet<object>();

  /** @param advice how the guards are to be ordered; logged once for each route where no user was found */
  constructor(
    private readonly guard: string,
    private readonly advice: string,
  ) {}

  /** @throws AuthError `unauthorized` where no guard has found a user before */
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
    new Logger(this.guard).warn(`${route}: no guard before ${this.guard} has found a user. ${this.advice}`);
  }
}
