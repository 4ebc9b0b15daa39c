import type { Registry } from 'prom-client';

/** What is measured goes into a registry of `prom-client`. */
export class AuthMetricsOptions {
  /** The registry; by default the package's own, `register`. */
  registry?: Registry = undefined;
  /** What the names begin with. */
  prefix = 'auth_';
  /** How often the live sessions are counted, at most; a count reads the table. `'0s'`: at every scrape; to `'1d'`. */
  sessionCountInterval = '1m';
}

/** The injection token of the options. */
export const METRICS_OPTIONS = Symbol('METRICS_OPTIONS');
