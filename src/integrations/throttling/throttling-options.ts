import type { ThrottlerStorage } from '@nestjs/throttler';
import { AuthConfigurationError } from '../../auth/common/errors/auth-error.js';
import { integer } from '../../auth/common/options/checks.js';
import { configOf } from '../../auth/common/options/config.js';
import { duration } from '../../auth/common/options/duration.js';

/**
 * How many attempts may fail within a time. Attempts under way count until they end. Those that succeed are not counted,
 * so tabs that wake up together are never refused: some wait for others. Failures are counted by the address that fails,
 * so that nobody can lock another user out. Only the bound of a name counts all addresses, and known devices pass it.
 */
export class AuthThrottlingOptions {
  /**
   * How many logins with one username may fail from one address. A device that has signed in to the account before has
   * this number for itself.
   */
  loginFailures = 10;
  /**
   * How many logins may fail from one address, with any username. Invalid proofs, denied regions, and requests that were
   * refused because too much was under way count too.
   */
  loginFailuresOfAddress = 100;
  /**
   * How many logins with one username may fail from all addresses together. Then only devices that have signed in to the
   * account before can sign in (OWASP device cookies). Those devices have this number together. Only for
   * `POST /auth/login`.
   */
  loginFailuresOfName = 100;
  /** How many refreshes of one session may fail from one address. Forged tokens are counted by address. */
  refreshFailures = 30;
  /** How many step-ups of one session may fail, from all addresses together. */
  stepUpFailures = 5;
  /**
   * How many second factors of one user may fail, from all addresses together. Only someone who knows the first factor can
   * try one. Each ticket has a limit of its own: `mfa.attempts`.
   */
  mfaFailures = 5;
  /** The time in which failures are counted, and for which further attempts are then refused. */
  per = '1m';
  /**
   * Where failures are counted. By default in memory; for several instances use `redisThrottlerStorage({ url })`. With
   * another storage of `@nestjs/throttler`, each instance counts only its own attempts under way.
   *
   * @example
   * AuthThrottlingModule.forRoot({ storage: redisThrottlerStorage({ url: 'redis://localhost:6379' }) });
   */
  storage?: ThrottlerStorage = undefined;
}

/** What failed too often. It is the reason in the event `throttled`. */
export type FailureKind = 'login' | 'login_of_address' | 'login_of_name' | 'refresh' | 'step_up' | 'mfa';

const count = integer(1, 1_000_000);

export class ThrottlingConfig extends configOf('AuthThrottlingModule: ', AuthThrottlingOptions, {
  loginFailures: count,
  loginFailuresOfAddress: count,
  loginFailuresOfName: count,
  refreshFailures: count,
  stepUpFailures: count,
  mfaFailures: count,
  per: duration('1s', '1d'),
  storage: checkedStorage,
}) {
  /** How many failures of each kind are allowed. */
  readonly limits: Readonly<Record<FailureKind, number>> = {
    login: this.loginFailures,
    login_of_address: this.loginFailuresOfAddress,
    login_of_name: this.loginFailuresOfName,
    refresh: this.refreshFailures,
    step_up: this.stepUpFailures,
    mfa: this.mfaFailures,
  };
}

/** A storage that cannot count would refuse nobody, and the fault would show only at the first failure. */
function checkedStorage(name: string, storage: AuthThrottlingOptions['storage']): AuthThrottlingOptions['storage'] {
  if (storage === undefined || typeof storage?.increment === 'function') return storage;
  throw new AuthConfigurationError(
    `${name} must be a ThrottlerStorage, for example redisThrottlerStorage({ url: 'redis://localhost:6379' }).`,
  );
}
