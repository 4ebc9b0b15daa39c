import { integer, optional } from '../common/options/checks.js';
import { configOf } from '../common/options/config.js';
import { duration } from '../common/options/duration.js';

/** The calls to your user provider. */
export class UserProviderOptions {
  /** How long your user provider may take. After that the answer is 503, and the token stays good. */
  userProviderTimeout = '5s';
  /**
   * How many password checks (`validateCredentials` and `reauthenticate`) may be under way at once. The next 32 for each
   * of them wait, for half of `userProviderTimeout` at most. Further ones are answered with 503 and not begun. By
   * default it is the number of cores (at least 2), but one less than libuv has threads (`UV_THREADPOOL_SIZE`, 4) at
   * most. All modules of a process share the default. If your user provider asks another server for the check, set a
   * higher number.
   *
   * @example
   * AuthModule.forRoot({ ...authOptions, concurrentPasswordChecks: 50 });
   */
  concurrentPasswordChecks?: number = undefined;
}

export class UserProviderConfig extends configOf('', UserProviderOptions, {
  userProviderTimeout: duration('10ms', '60s'),
  concurrentPasswordChecks: optional(integer(1, 10_000)),
}) {}
