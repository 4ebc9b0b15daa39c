import { Injectable, Logger } from '@nestjs/common';
import { escapeControls } from '../common/logging/escape-controls.js';
import { Clock } from '../common/time/clock.js';
import type { AuthEvent } from './auth-event.js';

/** Receives every {@link AuthEvent}. What it throws is logged, and disturbs nobody. */
export type AuthEventListener = (event: AuthEvent) => void | Promise<void>;

/**
 * Where the host hears of what happens to sessions. Alerts are logged as warnings.
 *
 * @example
 * constructor(events: AuthEventBus) {
 *   events.subscribe((event) => {
 *     if (event.type === 'reuse_detected') this.mail.warn(event.userId);
 *   });
 * }
 */
@Injectable()
export class AuthEventBus {
  private readonly logger = new Logger(AuthEventBus.name);
  private readonly listeners = new Set<AuthEventListener>();
  private readonly alertListeners = new Set<AuthEventListener>();

  constructor(private readonly clock: Clock) {}

  /** Returns the function that ends the subscription. */
  subscribe(listener: AuthEventListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Like `subscribe`, for alerts only. Other events then cost nothing. */
  subscribeToAlerts(listener: AuthEventListener): () => void {
    this.alertListeners.add(listener);
    return () => this.alertListeners.delete(listener);
  }

  publish(happened: Omit<AuthEvent, 'at'>): void {
    if (this.listeners.size === 0 && !happened.alert) return;
    const event: AuthEvent = { ...happened, at: this.clock.now() };
    // JSON lets the C1 controls of a user agent through, and the separators of lines.
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
