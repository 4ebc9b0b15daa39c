import { type ExecutionContext, SetMetadata } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';

const AUTH_ROUTE = 'nestjs-refresh-token:auth-route';

/** The routes at which a client presents a secret. */
export type AuthRouteName = 'login' | 'mfa' | 'refresh' | 'step-up';

/**
 * Marks a route that `AuthThrottlingModule` throttles and `AuthMetricsModule` measures. It also works on routes of the
 * host: their 401 responses then count as wrong guesses. A route of the host that checks the password of a signed-in user
 * is a `'step-up'`: it counts by the session of its access token. The second step of a login is `'mfa'`: it counts by the user
 * of the field `mfa_ticket`. On a class it marks all routes. It has no effect on
 * resolvers of GraphQL.
 */
export const AuthRoute = (name: AuthRouteName) => SetMetadata(AUTH_ROUTE, name);

/** `undefined` for other routes. The mark of a handler replaces that of its class. */
export function authRouteOf(reflector: Reflector, context: ExecutionContext): AuthRouteName | undefined {
  return reflector.getAllAndOverride<AuthRouteName | undefined>(AUTH_ROUTE, [context.getHandler(), context.getClass()]);
}
