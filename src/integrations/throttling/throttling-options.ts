import type { ThrottlerStorage } from '@nestjs/throttler';
import { AuthConfigurationError } from '../../auth/common/errors/auth-error.js';
import { complete, integer } from '../../auth/common/options/checks.js';
import { durationOption } from '../../auth/common/options/duration.js';

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

export interface ResolvedThrottling {
  /** Failures that are borne, by what they are counted for. */
  readonly limits: Readonly<Record<FailureKind, number>>;
  /** Milliseconds. */
  readonly per: number;
  readonly storage: ThrottlerStorage | undefined;
}

/** What failed too often; the reason in the event `throttled`. */
export type FailureKind = 'login' | 'login_of_address' | 'refresh' | 'step_up';

export function resolveThrottling(given: Partial<AuthThrottlingOptions>): ResolvedThrottling {
  const options = complete('AuthThrottlingModule', new AuthThrottlingOptions(), given);
  const count = (name: 'loginFailures' | 'loginFailuresOfAddress' | 'refreshFailures' | 'stepUpFailures') =>
    integer(`AuthThrottlingModule: ${name}`, options[name], 1, 1_000_000);
  return {
    limits: {
      login: count('loginFailures'),
      login_of_address: count('loginFailuresOfAddress'),
      refresh: count('refreshFailures'),
      step_up: count('stepUpFailures'),
    },
    per: durationOption('AuthThrottlingModule: per', options.per, '1s', '1d'),
    storage: storageOf(options.storage),
  };
}

/** One that cannot count would refuse nobody, and say so only when somebody fails. */
function storageOf(storage: AuthThrottlingOptions['storage']): AuthThrottlingOptions['storage'] {
  if (storage === undefined || typeof storage?.increment === 'function') return storage;
  throw new AuthConfigurationError(
    "AuthThrottlingModule: storage must be a ThrottlerStorage, such as redisThrottlerStorage({ url: 'redis://localhost:6379' }).",
  );
}
