import type { ThrottlerStorage } from '@nestjs/throttler';
import { AuthConfigurationError } from '../../auth/common/errors/auth-error.js';
import { integer } from '../../auth/common/options/checks.js';
import { configOf } from '../../auth/common/options/config.js';
import { duration } from '../../auth/common/options/duration.js';

/**
 * How many attempts may fail within a time. One that succeeds is never counted: any number of tabs may wake up together.
 * What is counted belongs to the one who fails, by address, so that nobody can lock somebody else out.
 */
export class AuthThrottlingOptions {
  /** Failed logins as one username from one address. 1 to 1,000,000. */
  loginFailures = 10;
  /** Failed logins from one address, as whomever; also those with a bad proof, or from outside of a fence. 1 to 1,000,000. */
  loginFailuresOfAddress = 100;
  /** Failed refreshes of one session from one address; tokens that nobody issued are counted by address. 1 to 1,000,000. */
  refreshFailures = 30;
  /** Failed attempts to step up, of one session, from wherever. 1 to 1,000,000. */
  stepUpFailures = 5;
  /** The time in which they are counted, and for which the next attempts are then refused. `'1s'` to `'1d'`. */
  per = '1m';
  /** Where they are counted: in memory, or in `redisThrottlerStorage({ url })`, or in any other of `@nestjs/throttler`. */
  storage?: ThrottlerStorage = undefined;
}

/** What failed too often; the reason in the event `throttled`. */
export type FailureKind = 'login' | 'login_of_address' | 'refresh' | 'step_up';

const count = integer(1, 1_000_000);

export class ThrottlingConfig extends configOf('AuthThrottlingModule: ', AuthThrottlingOptions, {
  loginFailures: count,
  loginFailuresOfAddress: count,
  refreshFailures: count,
  stepUpFailures: count,
  per: duration('1s', '1d'),
  storage: checkedStorage,
}) {
  /** How many failures are allowed, by what they are counted for. */
  readonly limits: Readonly<Record<FailureKind, number>> = {
    login: this.loginFailures,
    login_of_address: this.loginFailuresOfAddress,
    refresh: this.refreshFailures,
    step_up: this.stepUpFailures,
  };
}

/** One that cannot count would refuse nobody, and say so only when somebody fails. */
function checkedStorage(name: string, storage: AuthThrottlingOptions['storage']): AuthThrottlingOptions['storage'] {
  if (storage === undefined || typeof storage?.increment === 'function') return storage;
  throw new AuthConfigurationError(
    `${name} must be a ThrottlerStorage, such as redisThrottlerStorage({ url: 'redis://localhost:6379' }).`,
  );
}
