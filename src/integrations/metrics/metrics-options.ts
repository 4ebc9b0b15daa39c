import type { Registry } from 'prom-client';
import { configOf } from '../../auth/common/options/config.js';
import { duration } from '../../auth/common/options/duration.js';

/** What is measured goes into a registry of `prom-client`. */
export class AuthMetricsOptions {
  /** The registry; by default the package's own, `register`. */
  registry?: Registry = undefined;
  /** What the names begin with. */
  prefix = 'auth_';
  /** How often the live sessions are counted, at most; a count reads the table. `'0s'`: at every scrape; to `'1d'`. */
  sessionCountInterval = '1m';
}

export class MetricsConfig extends configOf('AuthMetricsModule: ', AuthMetricsOptions, {
  registry: (_name, given) => given,
  prefix: (_name, given) => given,
  sessionCountInterval: duration('0s', '1d'),
}) {}
