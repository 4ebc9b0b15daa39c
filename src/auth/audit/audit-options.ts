import { boolean, integer } from '../common/options/checks.js';
import { configOf } from '../common/options/config.js';
import { duration } from '../common/options/duration.js';

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

export class AuditConfig extends configOf('audit.', AuditOptions, {
  store: boolean,
  retention: duration('1h', '4000d'),
  queueSize: integer(100, 1_000_000),
  flushInterval: duration('10ms', '60s'),
  stopTimeout: duration('0s', '60s'),
}) {}
