import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuthError } from '../common/errors/auth-error.js';
import { PERMISSIONS } from './permissions.decorator.js';
import { holds, Requirement } from './requirement.js';

/**
 * Lets a user pass who has all permissions of `@Permissions(…)`. They come from `AuthUser.permissions` of your user
 * provider, at the login and at each refresh. It must run after `JwtAuthGuard`, as `RolesGuard` must.
 *
 * @throws AuthError `forbidden` if the user lacks one of the permissions
 * @throws AuthError `unauthorized` if no earlier guard has found a user
 * @example
 * @UseGuards(JwtAuthGuard, PermissionsGuard)
 * @Permissions('users:write')
 * @Delete('users/:id')
 * remove() {}
 */
@Injectable()
export class PermissionsGuard implements CanActivate {
  private readonly requirement = new Requirement<string[]>(PERMISSIONS, PermissionsGuard.name);

  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    const found = this.requirement.of(context, this.reflector);
    if (found && !found.asked.every((one) => holds(found.user.permissions, one))) throw new AuthError('forbidden');
    return true;
  }
}
