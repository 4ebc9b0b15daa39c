import { applyDecorators, SetMetadata, UseGuards } from '@nestjs/common';
import { NOT_IMPERSONATED, NotImpersonatedGuard } from './not-impersonated.guard.js';

/**
 * Refuses requests of an administrator who acts as the user: of a session that `ImpersonationService` began. It must run
 * after `JwtAuthGuard`. On a class it holds for all routes.
 *
 * @throws AuthError `forbidden`
 * @example
 * @NotImpersonated() // above the guard that finds the user: decorators apply from the bottom up
 * @UseGuards(JwtAuthGuard)
 * @Post('password')
 * changePassword() {}
 */
export function NotImpersonated(): MethodDecorator & ClassDecorator {
  return applyDecorators(SetMetadata(NOT_IMPERSONATED, true), UseGuards(NotImpersonatedGuard));
}
