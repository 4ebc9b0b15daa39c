import type { Registry } from 'prom-client';
import { configOf } from '../../auth/common/options/config.js';
import { duration } from '../../auth/common/options/duration.js';

/** The metrics, and the registry of `prom-client` that holds them. */
export class AuthMetricsOptions {
  /** The registry. By default it is `register` of `prom-client`. */
  registry?: Registry = undefined;
  /** The prefix of all metric names. */
  prefix = 'auth_';
  /**
   * The shortest time between two counts of the live sessions. A count reads up to 20,000 rows. With `'0s'` they are counted at
   * every scrape.
   */
  sessionCountInterval = '1m';
}

export class MetricsConfig extends configOf('AuthMetricsModule: ', AuthMetricsOptions, {
  registry: (_name, given) => given,
  prefix: (_name, given) => given,
  sessionCountInterval: duration('0s', '1d'),
}) {}
