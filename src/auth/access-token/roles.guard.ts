import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuthError } from '../errors/auth-error.js';
import { requestOf } from '../request/request-of.js';
import type { AuthenticatedUser } from './authenticated-user.js';
import { ROLES } from './roles.decorator.js';

/**
 * Lets a user pass who has one of the roles that `@Roles(…)` names. Comes after `JwtAuthGuard`.
 *
 * @throws AuthError `forbidden`; `unauthorized` where no guard has found a user before
 */
@Injectable()
export class RolesGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    const roles = this.reflector.getAllAndOverride<string[]>(ROLES, [context.getHandler(), context.getClass()]);
    if (!roles) return true;
    const user = requestOf(context)?.user as AuthenticatedUser | undefined;
    if (!user) throw new AuthError('unauthorized');
    if (!roles.some((role) => user.roles.includes(role))) throw new AuthError('forbidden');
    return true;
  }
}
