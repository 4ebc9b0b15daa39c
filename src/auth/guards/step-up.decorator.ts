import { applyDecorators, SetMetadata, UseGuards } from '@nestjs/common';
import { duration, LONGEST } from '../common/options/duration.js';
import { STEP_UP, StepUpGuard } from './step-up.guard.js';

/**
 * The user must have authenticated within this time, at login or by `POST /auth/step-up`. Comes after `JwtAuthGuard`.
 *
 * @param maxAge `'1s'` to `'400d'`
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
