import { applyDecorators, SetMetadata, UseGuards } from '@nestjs/common';
import { duration, LONGEST } from '../common/options/duration.js';
import { STEP_UP, StepUpGuard } from './step-up.guard.js';

/**
 * Requires that the user has authenticated within this time, by login or `POST /auth/step-up`. It must run after
 * `JwtAuthGuard`.
 *
 * @param maxAge a duration from `'1s'` to `'400d'`
 * @throws AuthConfigurationError when the class is loaded, for an invalid duration
 * @throws AuthError `insufficient_user_authentication`, with the challenge of RFC 9470 §3: `max_age` in seconds
 * @example
 * @StepUp('5m') // above the guard that finds the user: decorators apply from the bottom up
 * @UseGuards(JwtAuthGuard)
 * @Delete('account')
 * deleteAccount() {}
 */
export function StepUp(maxAge: string): MethodDecorator & ClassDecorator {
  return applyDecorators(SetMetadata(STEP_UP, duration('1s', LONGEST)('@StepUp()', maxAge)), UseGuards(StepUpGuard));
}
