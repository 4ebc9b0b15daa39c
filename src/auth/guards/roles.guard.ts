import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuthError } from '../common/errors/auth-error.js';
import { FoundUser } from './found-user.js';
import { ROLES } from './roles.decorator.js';

/**
 * Lets a user pass who has one of the roles of `@Roles(…)`. It must run after `JwtAuthGuard`. If it runs first, it
 * refuses every request and logs a warning once for each route. For example, a global RolesGuard runs before the guards
 * of a route.
 *
 * @throws AuthError `forbidden` if the user has none of the roles
 * @throws AuthError `unauthorized` if no earlier guard has found a user
 * @example
 * @UseGuards(JwtAuthGuard, RolesGuard)
 * @Roles('admin')
 * @Get('users')
 * list() {}
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
    const { roles: held } = this.foundUser.require(context) as { roles: unknown };
    // A text would be searched for a part of it: 'not-admin' includes 'admin'.
    if (!Array.isArray(held) || !roles.some((role) => held.includes(role))) throw new AuthError('forbidden');
    return true;
  }
}
