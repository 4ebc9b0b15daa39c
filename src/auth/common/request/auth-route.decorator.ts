import { SetMetadata } from '@nestjs/common';

export const AUTH_ROUTE = 'nestjs-refresh-token:auth-route';

/** The routes that guess at a secret, or use one. */
export type AuthRouteName = 'login' | 'refresh' | 'step-up';

/**
 * Marks a route as one that `AuthThrottlingModule` throttles and `AuthMetricsModule` measures; also of the host's own, whose
 * 401s then count as wrong guesses.
 */
export const AuthRoute = (name: AuthRouteName) => SetMetadata(AUTH_ROUTE, name);
