import { createHmac, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { escapeControls } from '../common/logging/escape-controls.js';
import type { AuthEvent } from '../events/auth-event.js';
import type { AlertSink } from './alert-sink.js';
import { type WebhookAlertsOptions, WebhookConfig } from './webhook-options.js';

const LONGEST_BACK_OFF = 60_000;

interface Message {
  readonly id: string;
  readonly body: string;
}

/**
 * Makes a sink that posts each alert as JSON, one at a time, and retries if the receiver fails. Requests are signed as
 * in Standard Webhooks 1.0: the header `webhook-signature` holds `v1,` and the base64 of the HMAC-SHA-256 over
 * `webhook-id.webhook-timestamp.body`. A receiver should reject old timestamps, and ignore an id that it has seen.
 *
 * @throws AuthConfigurationError for an invalid option
 * @example
 * { provide: 'PAGER', useFactory: () => webhookAlerts({ url: 'https://alerts.example/hook', secret: process.env.HOOK_SECRET! }) }
 * AuthModule.forRoot({ …, alertSinks: ['PAGER'] })
 */
export function webhookAlerts(options: WebhookAlertsOptions): AlertSink {
  return new WebhookAlerts(new WebhookConfig(options));
}

class WebhookAlerts implements AlertSink {
  private readonly logger = new Logger('WebhookAlerts');
  private readonly queue: Message[] = [];
  private readonly stop = new AbortController();
  private posting: Promise<void> | undefined;
  private lost = 0;

  constructor(private readonly config: WebhookConfig) {}

  alert(event: AuthEvent): void {
    if (this.queue.length >= this.config.queueSize) return this.lose('the queue is full');
    this.queue.push({ id: `alert_${randomUUID()}`, body: bodyOf(event) });
    this.posting ??= this.postQueued().finally(() => (this.posting = undefined));
  }

  async close(): Promise<void> {
    const timer = setTimeout(() => this.stop.abort(), this.config.stopTimeout);
    await this.posting;
    clearTimeout(timer);
  }

  private async postQueued(): Promise<void> {
    // Let the caller continue first.
    await Promise.resolve();
    for (let message = this.queue[0]; message; message = this.queue[0]) {
      if (!(await this.postWithRetries(message))) this.lose('the receiver did not take them');
      this.queue.shift();
    }
  }

  private async postWithRetries(message: Message): Promise<boolean> {
    const { backOff, retries } = this.config;
    for (let attempt = 0; !this.stop.signal.aborted; attempt++) {
      const failure = await this.post(message);
      if (failure === undefined) return true;
      this.logger.warn(
        `An alert could not be posted (attempt ${attempt + 1} of ${retries + 1}): ${escapeControls(failure)}`,
      );
      if (attempt === retries) return false;
      const wait = Math.min(backOff * 2 ** attempt, LONGEST_BACK_OFF);
      await sleep(wait, undefined, { signal: this.stop.signal, ref: false }).catch(() => undefined);
    }
    return false;
  }

  /** The reason of a failure; `undefined` on success. */
  private async post({ id, body }: Message): Promise<string | undefined> {
    const timestamp = Math.floor(Date.now() / 1000);
    const signature = createHmac('sha256', this.config.secret).update(`${id}.${timestamp}.${body}`).digest('base64');
    try {
      const response = await fetch(this.config.url, {
        method: 'POST',
        body,
        headers: {
          'content-type': 'application/json',
          'webhook-id': id,
          'webhook-timestamp': String(timestamp),
          'webhook-signature': `v1,${signature}`,
        },
        // Following a redirect would send the alert to another server.
        redirect: 'manual',
        signal: AbortSignal.any([AbortSignal.timeout(this.config.timeout), this.stop.signal]),
      });
      await response.body?.cancel();
      return response.ok ? undefined : `the receiver answered ${response.status}`;
    } catch (error) {
      // The message may contain the URL, so only name and code are used.
      const { name, cause } = error as Error & { cause?: { code?: unknown } };
      return `${name}${cause?.code === undefined ? '' : ` ${String(cause.code)}`}`;
    }
  }

  private lose(why: string): void {
    if (this.lost % 100 === 0) this.logger.error(`Alerts are lost (${this.lost + 1} so far): ${why}.`);
    this.lost++;
  }
}

function bodyOf(event: AuthEvent): string {
  const { type, at, sessionId, userId, clientId, reason, reasons, generation, count, ip, country, userAgent } = event;
  const { account, accountName, actor } = event;
  return JSON.stringify({
    type: `auth.${type}`,
    timestamp: new Date(at).toISOString(),
    data: {
      session_id: sessionId,
      user_id: userId,
      client_id: clientId,
      reason,
      reasons,
      generation,
      count,
      ip,
      country,
      user_agent: userAgent,
      account,
      account_name: accountName,
      actor,
    },
  });
}
