import { AuthConfigurationError } from '../../auth/common/errors/auth-error.js';

/**
 * What lets users in without their password must never reach production.
 *
 * @throws AuthConfigurationError if `NODE_ENV` is `production`
 */
export function refuseProduction(what: string): void {
  if (process.env.NODE_ENV !== 'production') return;
  throw new AuthConfigurationError(
    `${what} is for tests, and NODE_ENV is 'production'. Use AuthModule there. For a test, set NODE_ENV to 'test'.`,
  );
}
