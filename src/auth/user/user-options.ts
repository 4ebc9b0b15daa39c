import { configOf } from '../common/options/config.js';
import { duration } from '../common/options/duration.js';

/** The calls to your user provider. */
export class UserProviderOptions {
  /** How long your user provider may take. After that the answer is 503, and the token stays good. */
  userProviderTimeout = '5s';
}

export class UserProviderConfig extends configOf('', UserProviderOptions, {
  userProviderTimeout: duration('10ms', '60s'),
}) {}
