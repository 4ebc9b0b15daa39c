import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuthError } from '../common/errors/auth-error.js';
import { holds, Requirement } from './requirement.js';
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
  private readonly requirement = new Requirement<string[]>(ROLES, RolesGuard.name);

  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    const found = this.requirement.of(context, this.reflector);
    if (found && !found.asked.some((role) => holds(found.user.roles, role))) throw new AuthError('forbidden');
    return true;
  }
}
