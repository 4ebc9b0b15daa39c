import { configOf } from '../common/options/config.js';
import { duration } from '../common/options/duration.js';

/** How the host's user provider is asked. */
export class UserProviderOptions {
  /** How long the host's user provider may take before the request is answered with 503. `'10ms'` to `'60s'`. */
  userProviderTimeout = '5s';
}

export class UserProviderConfig extends configOf('', UserProviderOptions, {
  userProviderTimeout: duration('10ms', '60s'),
}) {}
