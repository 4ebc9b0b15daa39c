import { AuthConfigurationError } from '../common/errors/auth-error.js';
import { configOf } from '../common/options/config.js';

/** The names of the Passport strategies, for `AuthGuard(…)`. All strategies of a process share the names of Passport. */
export class PassportOptions {
  /**
   * The name of the strategy that checks what `JwtAuthGuard` checks. By default it is `'nrt-jwt'`, or `'nrt-staff-jwt'`
   * for the module with the name `staff`.
   *
   * @example
   * AuthModule.forRoot({ ...authOptions, passport: { jwt: 'jwt' } }); // for AuthGuard('jwt')
   */
  jwt?: string = undefined;
  /**
   * The name of the strategy that does what `RefreshTokenGuard` does. By default it is `'nrt-refresh-token'`, or
   * `'nrt-staff-refresh-token'` for the module with the name `staff`.
   */
  refreshToken?: string = undefined;
}

export class PassportConfig extends configOf('passport.', PassportOptions, {
  jwt: strategyName,
  refreshToken: strategyName,
}) {}

function strategyName(name: string, given: string | undefined): string | undefined {
  if (given === undefined || (typeof given === 'string' && /^[\w-]{1,128}$/.test(given))) return given;
  throw new AuthConfigurationError(`${name} must consist of letters, digits, '_' and '-', for example 'nrt-jwt'.`);
}
