import { SetMetadata } from '@nestjs/common';

export const AUTH_ROUTE = 'nestjs-refresh-token:auth-route';

/** The routes at which a client presents a secret. */
export type AuthRouteName = 'login' | 'refresh' | 'step-up';

/**
 * Marks a route that `AuthThrottlingModule` throttles and `AuthMetricsModule` measures. It also works on routes of the
 * host: their 401 responses then count as wrong guesses.
 */
export const AuthRoute = (name: AuthRouteName) => SetMetadata(AUTH_ROUTE, name);
