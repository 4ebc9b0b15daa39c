import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { Clock } from '../common/time/clock.js';
import { assertAuthenticated, type RequiredAuthentication } from './required-authentication.js';
import { Requirement } from './requirement.js';

export const STEP_UP = 'nestjs-refresh-token:step-up';

/**
 * The guard that `@StepUp()` adds to a route. Use the decorator instead of the guard.
 *
 * @throws AuthError `insufficient_user_authentication` if the last authentication is too old, or of another class (RFC
 *   9470 §3)
 * @throws AuthError `unauthorized` if no earlier guard has found a user
 * @example
 * @StepUp('5m')
 * @UseGuards(JwtAuthGuard)
 * @Delete('account')
 * deleteAccount() {}
 */
@Injectable()
export class StepUpGuard implements CanActivate {
  private readonly requirement = new Requirement<RequiredAuthentication>(
    STEP_UP,
    StepUpGuard.name,
    'Decorators apply from the bottom up: write @StepUp() above @UseGuards(JwtAuthGuard).',
  );

  constructor(
    private readonly reflector: Reflector,
    private readonly clock: Clock,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const found = this.requirement.of(context, this.reflector);
    if (found) assertAuthenticated(found.asked, found.user, this.clock.now(), context);
    return true;
  }
}
