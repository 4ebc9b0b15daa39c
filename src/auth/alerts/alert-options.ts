import { integer } from '../common/options/checks.js';
import { configOf } from '../common/options/config.js';
import { duration } from '../common/options/duration.js';

/** When to raise alerts. The extra `alertSinks` says where they go. */
export class AlertOptions {
  /**
   * This number of events `reuse_detected` and `token_shared` within `massReuseWithin`, on one instance, raises the alert
   * `mass_reuse`.
   */
  massReuse = 10;
  /** The time in which these events are counted. */
  massReuseWithin = '1m';
}

export class AlertConfig extends configOf('alerts.', AlertOptions, {
  massReuse: integer(2, 1_000_000),
  massReuseWithin: duration('1s', '1d'),
}) {}
