import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuthError } from '../common/errors/auth-error.js';
import { FoundUser } from './found-user.js';
import { ROLES } from './roles.decorator.js';

/**
 * Lets a user pass who has one of the roles that `@Roles(…)` names. Comes after `JwtAuthGuard`; where it comes before, as a
 * global one does on a route with a guard of its own, it refuses everybody and says so in the log, once for each route.
 *
 * @throws AuthError `forbidden`; `unauthorized` where no guard has found a user before
 */
@Injectable()
export class RolesGuard implements CanActivate {
  private readonly foundUser = new FoundUser(
    RolesGuard.name,
    "Name RolesGuard after that guard: @UseGuards(JwtAuthGuard, RolesGuard), or GuardOf(JwtAuthGuard, 'staff').",
  );

  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    const roles = this.reflector.getAllAndOverride<string[]>(ROLES, [context.getHandler(), context.getClass()]);
    if (!roles) return true;
    const user = this.foundUser.require(context);
    if (!roles.some((role) => user.roles.includes(role))) throw new AuthError('forbidden');
    return true;
  }
}
