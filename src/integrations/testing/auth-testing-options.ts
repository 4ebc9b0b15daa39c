import type { AuthModuleExtras } from '../../auth/auth.module-definition.js';
import type { AuthModuleOptions } from '../../auth/auth-options.js';
import { AuthConfigurationError } from '../../auth/common/errors/auth-error.js';
import { complete } from '../../auth/common/options/checks.js';
import type { Clock } from '../../auth/common/time/clock.js';
import { TestClock } from './test-clock.js';
import { type TestAccount, TestUsers } from './test-users.js';

/** What `AuthTestingModule.forRoot` takes in addition to the options of `AuthModule.forRoot`. */
export class TestOnlyOptions {
  /**
   * The users: a list, or a `TestUsers` that you keep to change it. By default there are none, and `signedIn` adds those
   * that it gets. Not together with `userProvider`.
   */
  users?: TestUsers | readonly TestAccount[] = undefined;
  /** The source of all times. By default a `TestClock` that stands at the time of the start. */
  clock?: Clock = undefined;
}

/**
 * The options of `AuthTestingModule.forRoot`: all of `AuthModule.forRoot`, none of them required, `users` and `clock`. There
 * is no `dataSource`.
 */
export interface AuthTestingOptions
  extends Partial<AuthModuleOptions>, Omit<AuthModuleExtras, 'dataSource'>, TestOnlyOptions {}

/** The checked options. */
export interface TestSetup {
  /** For `AuthModule.forRoot`. */
  readonly options: Partial<AuthModuleOptions> & AuthModuleExtras;
  /** Unless the host gives a user provider. */
  readonly users: TestUsers | undefined;
  readonly clock: Clock;
}

/** @throws AuthConfigurationError for a wrong option */
export function setupOf(given: AuthTestingOptions): TestSetup {
  const { users, clock, ...options } = given;
  const own = complete('AuthTestingModule', new TestOnlyOptions(), { users, clock });
  if ('dataSource' in options)
    throw new AuthConfigurationError('AuthTestingModule: dataSource has no meaning, because there is no database.');
  return { options, users: usersOf(own.users, options.userProvider), clock: clockOf(own.clock) };
}

function usersOf(users: TestOnlyOptions['users'], userProvider: unknown): TestUsers | undefined {
  if (userProvider === undefined) return users instanceof TestUsers ? users : new TestUsers(users);
  if (users === undefined) return undefined;
  throw new AuthConfigurationError('AuthTestingModule: give users or userProvider, not both.');
}

/** A host's own clock may be no `Clock`, as long as it tells the time. */
function clockOf(clock: Clock | undefined): Clock {
  if (clock === undefined) return new TestClock();
  if (typeof clock?.now === 'function') return clock;
  throw new AuthConfigurationError('AuthTestingModule: clock must be a Clock, for example new TestClock().');
}
