import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { escapeControls } from '../common/logging/escape-controls.js';
import { Clock } from '../common/time/clock.js';
import type { AuthEvent } from './auth-event.js';
import { RepeatedAlerts } from './repeated-alerts.js';

/** Receives every {@link AuthEvent}. If it throws, the error is logged, and the request is not affected. */
export type AuthEventListener = (event: AuthEvent) => void | Promise<void>;

/**
 * Publishes the events of sessions to the host. Alerts are also logged as warnings. An alert that repeats for the same
 * session and reason is published once a minute, with a `count`.
 *
 * @example
 * constructor(events: AuthEventBus) {
 *   events.subscribe((event) => {
 *     if (event.type === 'reuse_detected') this.mail.warn(event.userId);
 *   });
 * }
 */
@Injectable()
export class AuthEventBus implements OnModuleDestroy {
  private readonly logger = new Logger(AuthEventBus.name);
  private readonly listeners = new Set<AuthEventListener>();
  private readonly alertListeners = new Set<AuthEventListener>();
  private readonly repeatedAlerts: RepeatedAlerts;

  constructor(private readonly clock: Clock) {
    this.repeatedAlerts = new RepeatedAlerts((event) => this.deliverToAll(event), clock);
  }

  onModuleDestroy(): void {
    this.repeatedAlerts.close();
  }

  /** Subscribes to all events. Returns a function that ends the subscription. */
  subscribe(listener: AuthEventListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Subscribes to alerts only. Then other events cost nothing. Returns a function that ends the subscription. */
  subscribeToAlerts(listener: AuthEventListener): () => void {
    this.alertListeners.add(listener);
    return () => this.alertListeners.delete(listener);
  }

  publish(happened: Omit<AuthEvent, 'at'>): void {
    if (this.listeners.size === 0 && !happened.alert) return;
    const event: AuthEvent = { ...happened, at: this.clock.now() };
    if (event.alert) this.repeatedAlerts.publish(event);
    else this.deliverToAll(event);
  }

  private deliverToAll(event: AuthEvent): void {
    // JSON does not escape C1 controls and line separators, which a user agent may contain.
    if (event.alert) this.logger.warn(escapeControls(JSON.stringify(event)));
    for (const listener of this.listeners) void this.deliver(listener, event);
    if (!event.alert) return;
    for (const listener of this.alertListeners) void this.deliver(listener, event);
  }

  private async deliver(listener: AuthEventListener, event: AuthEvent): Promise<void> {
    try {
      await listener(event);
    } catch (error) {
      this.logger.error(`A listener failed on the event ${event.type}: ${escapeControls(String(error))}`);
    }
  }
}
