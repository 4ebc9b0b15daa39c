import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuthError } from '../common/errors/auth-error.js';
import type { HttpResponse } from '../common/request/http-request.js';
import { Clock } from '../common/time/clock.js';
import { FoundUser } from './found-user.js';

export const STEP_UP = 'nestjs-refresh-token:step-up';

/**
 * The guard that `@StepUp()` adds to a route. Use the decorator instead of the guard.
 *
 * @throws AuthError `insufficient_user_authentication` if the last authentication is too long ago (RFC 9470 §3)
 * @throws AuthError `unauthorized` if no earlier guard has found a user
 * @example
 * @StepUp('5m')
 * @UseGuards(JwtAuthGuard)
 * @Delete('account')
 * deleteAccount() {}
 */
@Injectable()
export class StepUpGuard implements CanActivate {
  private readonly foundUser = new FoundUser(
    StepUpGuard.name,
    'Decorators apply from the bottom up: write @StepUp() above @UseGuards(JwtAuthGuard).',
  );

  constructor(
    private readonly reflector: Reflector,
    private readonly clock: Clock,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const maxAge = this.reflector.getAllAndOverride<number | undefined>(STEP_UP, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (maxAge === undefined) return true;
    const user = this.foundUser.require(context);
    if (this.clock.now() - user.authTime * 1000 <= maxAge) return true;
    const scheme = user.confirmation?.jkt === undefined ? 'Bearer' : 'DPoP';
    const error = new AuthError('insufficient_user_authentication', undefined, { maxAge: maxAge / 1000, scheme });
    if (context.getType() === 'http') {
      // Set here, because a filter of the application may answer.
      context.switchToHttp().getResponse<HttpResponse>().header('WWW-Authenticate', error.challenge!);
    }
    throw error;
  }
}
