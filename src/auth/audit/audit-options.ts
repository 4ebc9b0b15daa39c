import { boolean, complete, integer } from '../common/options/checks.js';
import { durationOption } from '../common/options/duration.js';

/** The record of what happens. */
export class AuditOptions {
  /**
   * Keeps every event in the table `auth_events`, of which users read their own at `GET /auth/events`. The table
   * is among `refreshTokenEntities` and `refreshTokenMigrations`.
   */
  store = false;
  /** How long an event is kept. `'1h'` to `'4000d'`. */
  retention = '90d';
  /** Events that wait to be written, at most; of more, the newest are lost, and counted. 100 to 1,000,000. */
  queueSize = 50_000;
  /** How long an event waits for others to be written with it. `'10ms'` to `'60s'`. */
  flushInterval = '500ms';
  /** How long an orderly stop waits for the last events to be written. `'0s'` to `'60s'`. */
  stopTimeout = '5s';
}

/** Who is told when somebody should look. Where to, is said by the extra `alertSinks`. */
export class AlertOptions {
  /** So many reuses within `massReuseWithin`, seen by one instance, are an alert of their own: `mass_reuse`. 2 to 1,000,000. */
  massReuse = 10;
  /** `'1s'` to `'1d'`. */
  massReuseWithin = '1m';
}

export interface ResolvedAudit {
  readonly store: boolean;
  readonly retention: number;
  readonly queueSize: number;
  readonly flushInterval: number;
  readonly stopTimeout: number;
}

export function resolveAudit(given: Partial<AuditOptions> | undefined): ResolvedAudit {
  const audit = complete('audit', new AuditOptions(), given);
  return {
    store: boolean('audit.store', audit.store),
    retention: durationOption('audit.retention', audit.retention, '1h', '4000d'),
    queueSize: integer('audit.queueSize', audit.queueSize, 100, 1_000_000),
    flushInterval: durationOption('audit.flushInterval', audit.flushInterval, '10ms', '60s'),
    stopTimeout: durationOption('audit.stopTimeout', audit.stopTimeout, '0s', '60s'),
  };
}

export interface ResolvedAlerts {
  readonly massReuse: number;
  readonly massReuseWithin: number;
}

export function resolveAlerts(given: Partial<AlertOptions> | undefined): ResolvedAlerts {
  const alerts = complete('alerts', new AlertOptions(), given);
  return {
    massReuse: integer('alerts.massReuse', alerts.massReuse, 2, 1_000_000),
    massReuseWithin: durationOption('alerts.massReuseWithin', alerts.massReuseWithin, '1s', '1d'),
  };
}
