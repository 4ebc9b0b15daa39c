import { type OnApplicationShutdown, Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { AuthConfigurationError } from '../common/errors/auth-error.js';
import { escapeControls } from '../common/logging/escape-controls.js';
import { AuthEventBus } from '../events/auth-event-bus.js';
import type { AuthEvent } from '../events/auth-event.js';
import { AlertConfig } from './alert-options.js';
import { ALERT_SINKS, type AlertSink } from './alert-sink.js';

/** Delivers alerts to the sinks. It also detects mass reuse, which may mean that a database or a log has leaked. */
@Injectable()
export class AlertDispatch implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(AlertDispatch.name);
  /** Times of recent reuse, in milliseconds. Cleared when `mass_reuse` is published. */
  private reuses: number[] = [];

  constructor(
    @Inject(ALERT_SINKS) private readonly sinks: AlertSink[],
    private readonly events: AuthEventBus,
    private readonly config: AlertConfig,
  ) {
    if (!sinks.every((sink) => typeof sink?.alert === 'function')) {
      throw new AuthConfigurationError(
        'alertSinks must name providers with a method alert, for example webhookAlerts({ … }).',
      );
    }
  }

  onModuleInit(): void {
    this.events.subscribeToAlerts((event) => {
      for (const sink of this.sinks) void this.deliver(sink, event);
      if (event.type === 'reuse_detected' || event.type === 'token_shared') this.countReuse(event.at);
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.allSettled(this.sinks.map(async (sink) => sink.close?.()));
  }

  private async deliver(sink: AlertSink, event: AuthEvent): Promise<void> {
    try {
      await sink.alert(event);
    } catch (error) {
      this.logger.error(`A sink failed on the alert ${event.type}: ${escapeControls(String(error))}`);
    }
  }

  private countReuse(at: number): void {
    const { massReuse, massReuseWithin } = this.config;
    this.reuses = [...this.reuses, at].filter((time) => time > at - massReuseWithin);
    if (this.reuses.length < massReuse) return;
    this.events.publish({ type: 'mass_reuse', alert: true, count: this.reuses.length });
    this.reuses = [];
  }
}
