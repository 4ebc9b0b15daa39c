import { boolean, integer } from '../common/options/checks.js';
import { configOf } from '../common/options/config.js';
import { duration } from '../common/options/duration.js';

/** The table of events. */
export class AuditOptions {
  /**
   * Whether every event is stored in the table `auth_events`. Users then read their own events at `GET /auth/events`.
   * The table is part of `refreshTokenEntities` and `refreshTokenMigrations`.
   */
  store = false;
  /**
   * Whether a failed login tells the name of its account, in addition to a keyed hash of it. The name is stored as the
   * client sent it. Users sometimes type their password there by mistake.
   */
  accountNames = false;
  /** How long an event is kept. It is purged with `purge.interval` and `purge.batchSize`. */
  retention = '90d';
  /** How many events may wait to be written. If there are more, the newest are lost, counted and logged. */
  queueSize = 50_000;
  /** How long an event waits, so that others are written with it. */
  flushInterval = '500ms';
  /** How long a graceful stop waits for the last events to be written. */
  stopTimeout = '5s';
}

export class AuditConfig extends configOf('audit.', AuditOptions, {
  store: boolean,
  accountNames: boolean,
  retention: duration('1h', '4000d'),
  queueSize: integer(100, 1_000_000),
  flushInterval: duration('10ms', '60s'),
  stopTimeout: duration('0s', '60s'),
}) {}
