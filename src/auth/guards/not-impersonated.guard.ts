import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { Requirement } from './requirement.js';
import { impersonatedRefusal } from '../access-token/impersonated-refusal.js';

export const NOT_IMPERSONATED = 'nestjs-refresh-token:not-impersonated';

/**
 * The guard that `@NotImpersonated()` adds to a route. Use the decorator instead of the guard.
 *
 * @throws AuthError `forbidden` if an administrator acts as the user
 * @throws AuthError `unauthorized` if no earlier guard has found a user
 * @example
 * @NotImpersonated()
 * @UseGuards(JwtAuthGuard)
 * @Post('password')
 * changePassword() {}
 */
@Injectable()
export class NotImpersonatedGuard implements CanActivate {
  private readonly requirement = new Requirement<true>(
    NOT_IMPERSONATED,
    NotImpersonatedGuard.name,
    'Decorators apply from the bottom up: write @NotImpersonated() above @UseGuards(JwtAuthGuard).',
  );

  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    if (this.requirement.of(context, this.reflector)?.user.actor) throw impersonatedRefusal();
    return true;
  }
}
