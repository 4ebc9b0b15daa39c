import { boolean } from '../../auth/common/options/checks.js';
import { configOf } from '../../auth/common/options/config.js';
import { duration } from '../../auth/common/options/duration.js';

/** What goes to OpenTelemetry. */
export class AuthOpenTelemetryOptions {
  /** Whether spans are opened. They have ids of sessions and users as attributes, and no token, address or name. */
  traces = true;
  /** Whether the metrics of `AuthMetricsModule` go to OpenTelemetry, too. */
  metrics = true;
  /**
   * The shortest time between two counts of the live sessions. A count reads up to 20,000 rows. With `'0s'` they are
   * counted at every export.
   */
  sessionCountInterval = '1m';
}

export class OpenTelemetryConfig extends configOf('AuthOpenTelemetryModule: ', AuthOpenTelemetryOptions, {
  traces: boolean,
  metrics: boolean,
  sessionCountInterval: duration('0s', '1d'),
}) {}
