import type { AuthEvent } from '../events/auth-event.js';

/**
 * Receives every event that needs attention: reuse, mass reuse, impossible travel, alerts from risk rules, failed
 * bindings, and a stale revocation list. The library calls it while a request is in progress. So do slow work in the
 * background. If it throws, the error is logged, and the request is not affected. `webhookAlerts` makes a sink.
 *
 * @example
 * @Injectable()
 * class Pager implements AlertSink {
 *   alert(event: AuthEvent) {
 *     if (event.type === 'reuse_detected') void this.mail.warn(event.userId);
 *   }
 * }
 */
export interface AlertSink {
  alert(event: AuthEvent): void | Promise<void>;
  /** Called at an orderly shutdown. It should deliver queued alerts, or give up soon. */
  close?(): Promise<void>;
}

/** The injection token of all sinks. The module option `alertSinks` fills it. */
export const ALERT_SINKS = Symbol('ALERT_SINKS');
