import type { AuthEvent } from '../events/auth-event.js';

/**
 * Is told every event that somebody should look at: reuse, mass reuse, impossible travel, whatever a rule raised, a failed
 * binding, a revocation list that is out of date. It is called while a request is being answered: whatever takes time is to be
 * put off. What it throws is logged, and disturbs nobody. `webhookAlerts` makes one.
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
  /** At an orderly stop: delivers what waits, or gives up soon. */
  close?(): Promise<void>;
}

/** The injection token of all sinks; filled by the extra `alertSinks`. */
export const ALERT_SINKS = Symbol('ALERT_SINKS');
