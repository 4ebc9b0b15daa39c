import type { AuthModuleExtras } from '../../auth/auth.module-definition.js';
import type { AuthModuleOptions } from '../../auth/auth-options.js';
import { AuthConfigurationError } from '../../auth/common/errors/auth-error.js';
import { configOf } from '../../auth/common/options/config.js';
import type { Clock } from '../../auth/common/time/clock.js';
import { TestClock } from './test-clock.js';
import { type TestAccount, TestUsers } from './test-users.js';

/** What `AuthTestingModule.forRoot` takes in addition to the options of `AuthModule.forRoot`. */
export class AuthTestingExtras {
  /**
   * The users: a list, or a `TestUsers` that you keep to change it. By default the list is empty, and `signedIn` adds the
   * users that it gets. Not together with `userProvider`.
   *
   * @example
   * AuthTestingModule.forRoot({ users: [{ id: 'alice', password: 'alice-password', roles: ['admin'] }] });
   */
  users?: TestUsers | readonly TestAccount[] = undefined;
  /**
   * The source of all times. By default a `TestClock` that stands at the time of the start.
   *
   * @example
   * AuthTestingModule.forRoot({ clock: new TestClock('2026-01-31T12:00:00Z') });
   */
  clock?: Clock = undefined;
}

class TestingConfig extends configOf('AuthTestingModule: ', AuthTestingExtras, {
  users: usersOf,
  clock: clockOf,
}) {}

/**
 * The options of `AuthTestingModule.forRoot`: all of `AuthModule.forRoot`, of which none is required, with `users` and
 * `clock`. There is no `dataSource`.
 */
export interface AuthTestingOptions
  extends Partial<AuthModuleOptions>, Omit<AuthModuleExtras, 'dataSource'>, AuthTestingExtras {}

/** The checked options. */
export interface TestSetup {
  /** For `AuthModule.forRoot`. */
  readonly options: Partial<AuthModuleOptions> & AuthModuleExtras;
  /** `undefined` if the host gives a user provider. */
  readonly users: TestUsers | undefined;
  readonly clock: Clock;
}

/** @throws AuthConfigurationError for a wrong option */
export function setupOf({ users, clock, ...options }: AuthTestingOptions): TestSetup {
  const config = new TestingConfig({ users, clock });
  if ('dataSource' in options)
    throw new AuthConfigurationError('AuthTestingModule: dataSource has no meaning, because there is no database.');
  const hasProvider = options.userProvider !== undefined;
  if (hasProvider && users !== undefined)
    throw new AuthConfigurationError('AuthTestingModule: give users or userProvider, not both.');
  return { options, users: hasProvider ? undefined : config.users, clock: config.clock };
}

function usersOf(name: string, users: AuthTestingExtras['users']): TestUsers {
  if (users instanceof TestUsers) return users;
  if (users === undefined || Array.isArray(users)) return new TestUsers(users);
  throw new AuthConfigurationError(`${name} must be a list of users, for example [{ id: 'alice', roles: ['admin'] }].`);
}

/** A clock of the host need not extend `Clock`. */
function clockOf(name: string, clock: Clock | undefined): Clock {
  if (clock === undefined) return new TestClock();
  if (typeof clock?.now === 'function') return clock;
  throw new AuthConfigurationError(`${name} must be a Clock, for example new TestClock().`);
}
