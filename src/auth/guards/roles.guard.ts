import { type CanActivate, type ExecutionContext, Injectable, Logger } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { AuthenticatedUser } from '../access-token/authenticated-user.js';
import { AuthError } from '../common/errors/auth-error.js';
import { requestOf } from '../common/request/request-of.js';
import { ROLES } from './roles.decorator.js';

/**
 * Lets a user pass who has one of the roles that `@Roles(…)` names. Comes after `JwtAuthGuard`; where it comes before, as a
 * global one does on a route with a guard of its own, it refuses everybody and says so in the log, once for each route.
 *
 * @throws AuthError `forbidden`; `unauthorized` where no guard has found a user before
 */
@Injectable()
export class RolesGuard implements CanActivate {
  private readonly reported = new WeakSet<object>();

  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    const roles = this.reflector.getAllAndOverride<string[]>(ROLES, [context.getHandler(), context.getClass()]);
    if (!roles) return true;
    const user = requestOf(context)?.user as AuthenticatedUser | undefined;
    if (!user) {
      this.report(context);
      throw new AuthError('unauthorized');
    }
    if (!roles.some((role) => user.roles.includes(role))) throw new AuthError('forbidden');
    return true;
  }

  private report(context: ExecutionContext): void {
    const handler = context.getHandler();
    if (this.reported.has(handler)) return;
    this.reported.add(handler);
    new Logger(RolesGuard.name).warn(
      `${context.getClass().name}.${handler.name} asks for a role, but no guard before RolesGuard has found a user. ` +
        "Name RolesGuard behind that guard: @UseGuards(JwtAuthGuard, RolesGuard), or GuardOf(JwtAuthGuard, 'staff').",
    );
  }
}
