import { SetMetadata } from '@nestjs/common';

export const AUTH_ROUTE = 'nestjs-refresh-token:auth-route';

/** The routes at which a client presents a secret. */
export type AuthRouteName = 'login' | 'refresh' | 'step-up';

/**
 * Marks a route that `AuthThrottlingModule` throttles and `AuthMetricsModule` measures. It also works on routes of the
 * host: their 401 responses then count as wrong guesses. A route of the host that checks the password of a signed-in user
 * is a `'step-up'`: it counts by the session of its access token.
 */
export const AuthRoute = (name: AuthRouteName) => SetMetadata(AUTH_ROUTE, name);
