import { applyDecorators, SetMetadata, UseGuards } from '@nestjs/common';
import { AuthConfigurationError } from '../common/errors/auth-error.js';
import { assertKnown, atLeastOne, optional, texts } from '../common/options/checks.js';
import { duration, LONGEST } from '../common/options/duration.js';
import type { RequiredAuthentication } from './required-authentication.js';
import { STEP_UP, StepUpGuard } from './step-up.guard.js';

/**
 * Requires that the user has authenticated within this time, or in this way, by login or `POST /auth/step-up`. It must run
 * after `JwtAuthGuard`.
 *
 * @param required how long ago the user may have authenticated, from `'1s'` to `'400d'`. Or `{ maxAge, acr }`, of which one is
 *   enough: `acr` is the class of that authentication, as your user provider names it, or a list of which one is enough
 * @throws AuthConfigurationError when the class is loaded, for a value that is not valid
 * @throws AuthError `insufficient_user_authentication`, with the challenge of RFC 9470 §3: `max_age` in seconds, and
 *   `acr_values`
 * @example
 * @StepUp({ maxAge: '5m', acr: 'aal2' }) // above the guard that finds the user: decorators apply from the bottom up
 * @UseGuards(JwtAuthGuard)
 * @Delete('account')
 * deleteAccount() {}
 */
export function StepUp(
  required: string | { maxAge?: string; acr?: string | string[] },
): MethodDecorator & ClassDecorator {
  return applyDecorators(SetMetadata(STEP_UP, requiredBy(required)), UseGuards(StepUpGuard));
}

const maxAgeOf = duration('1s', LONGEST);
const acrOf = optional(atLeastOne(texts('aal2')));
/** It stands between quotes in a header, and spaces separate the values. */
const ACR = /^[\x21\x23-\x5b\x5d-\x7e]{1,255}$/;

function requiredBy(required: Parameters<typeof StepUp>[0]): RequiredAuthentication {
  if (typeof required !== 'object' || required === null) return { maxAge: maxAgeOf('@StepUp()', required) };
  assertKnown('@StepUp()', required, ['maxAge', 'acr']);
  const { maxAge, acr } = required;
  if (maxAge === undefined && acr === undefined) {
    throw new AuthConfigurationError("@StepUp() asks for nothing. Write @StepUp('5m') or @StepUp({ acr: 'aal2' }).");
  }
  const values = acrOf('@StepUp() acr', typeof acr === 'string' ? [acr] : acr);
  if (values?.some((value) => !ACR.test(value))) {
    throw new AuthConfigurationError(
      "@StepUp() acr must be a name without spaces, for example 'aal2', or a list of names.",
    );
  }
  return { maxAge: maxAge === undefined ? undefined : maxAgeOf('@StepUp() maxAge', maxAge), acr: values };
}
