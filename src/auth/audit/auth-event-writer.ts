import { setTimeout as sleep } from 'node:timers/promises';
import { type BeforeApplicationShutdown, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { AuthDatabase } from '../common/database/auth-database.js';
import { addressOf } from '../common/request/address.js';
import { settledWithin } from '../common/time/settled-within.js';
import { AuthEventBus } from '../events/auth-event-bus.js';
import type { AuthEvent } from '../events/auth-event.js';
import { AuditConfig } from './audit-options.js';
import { AuthEventStore, LARGEST_BATCH, type NewAuthEvent } from './auth-event.store.js';
import { eventId } from './event-id.js';
import { outcomeOf } from './event-outcome.js';

// Milliseconds between attempts to write while the table is unavailable.
const FIRST_RETRY = 100;
const LONGEST_RETRY = 5_000;

/**
 * Writes events to the table in the background. Publishing an event never waits for the table and never fails because
 * of it. An orderly shutdown still writes the queue.
 */
@Injectable()
export class AuthEventWriter implements OnModuleInit, BeforeApplicationShutdown {
  private readonly logger = new Logger(AuthEventWriter.name);
  private queue: NewAuthEvent[] = [];
  private writing: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private retry = 0;
  private stopping = false;
  /** Milliseconds of `audit.stopTimeout` that the stop has used before the server closed. */
  private spent = 0;
  private ended = false;
  /** The number of lost events, because the queue was full or the shutdown took too long. */
  lost = 0;

  constructor(
    private readonly store: AuthEventStore,
    private readonly events: AuthEventBus,
    private readonly config: AuditConfig,
    private readonly database: AuthDatabase,
  ) {}

  onModuleInit(): void {
    if (!this.store.isOpen) return;
    this.events.subscribe((event) => this.add(event));
    this.database.onClose(() => this.end());
  }

  /** The number of queued events. */
  get waiting(): number {
    return this.queue.length;
  }

  /** Flushes before the server closes. Until then, events of requests in progress are written as they arrive. */
  async beforeApplicationShutdown(): Promise<void> {
    this.stopping = true;
    const startedAt = performance.now();
    await this.flush();
    this.spent = performance.now() - startedAt;
  }

  /** Writes the whole queue, or stops after `audit.stopTimeout`. */
  async flush(before = performance.now() + this.config.stopTimeout): Promise<void> {
    while (this.queue.length > 0 && performance.now() < before) {
      // A dead connection may never answer.
      await settledWithin(before - performance.now(), this.write());
      if (this.retry > 0) await sleep(Math.max(0, Math.min(FIRST_RETRY, before - performance.now())));
    }
  }

  private add(event: AuthEvent): void {
    if (this.queue.length >= this.config.queueSize) return this.lose(1, 'the queue is full');
    this.queue.push(recordOf(event));
    this.schedule(this.queue.length >= LARGEST_BATCH ? 0 : this.config.flushInterval);
  }

  private schedule(delay: number): void {
    if (this.writing || this.retry > 0) return;
    if (delay === 0 || this.stopping) {
      void this.write();
    } else {
      this.timer ??= setTimeout(() => void this.write(), delay).unref();
    }
  }

  private write(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.writing ??= this.writeQueued().finally(() => {
      this.writing = undefined;
      if (this.queue.length > 0 && this.retry === 0) this.schedule(this.config.flushInterval);
    });
    return this.writing;
  }

  private async writeQueued(): Promise<void> {
    try {
      do {
        const batch = this.queue.slice(0, LARGEST_BATCH);
        await this.store.insert(batch);
        this.queue.splice(0, batch.length);
      } while (this.queue.length >= LARGEST_BATCH);
      this.retry = 0;
    } catch (error) {
      if (this.ended) return this.loseQueue();
      if (this.retry === 0) this.logger.error(`Events cannot be written and remain queued: ${String(error)}`);
      this.retry = Math.min(LONGEST_RETRY, this.retry * 2 || FIRST_RETRY);
      this.timer = setTimeout(() => void this.write(), this.retry).unref();
    }
  }

  /** The server has closed. Requests in progress may have published events until now. */
  private async end(): Promise<void> {
    const before = performance.now() + this.config.stopTimeout - this.spent;
    await this.flush(before);
    await settledWithin(before - performance.now(), this.writing);
    this.ended = true;
    clearTimeout(this.timer);
    this.loseQueue();
  }

  private loseQueue(): void {
    this.lose(this.queue.length, 'the table could not be written before the shutdown');
    this.queue = [];
  }

  private lose(count: number, why: string): void {
    if (count === 0) return;
    // Log only every thousandth loss, so that a flood of events does not flood the log.
    if (this.lost % 1000 === 0) this.logger.error(`Events are lost (${this.lost + count} so far): ${why}.`);
    this.lost += count;
  }
}

function recordOf(event: AuthEvent): NewAuthEvent {
  return {
    id: eventId(event.at),
    type: event.type,
    at: event.at,
    sessionId: cut(event.sessionId, 36),
    userId: cut(event.userId, 255),
    clientId: cut(event.clientId, 255),
    outcome: outcomeOf(event),
    reason: cut(event.reason, 64),
    generation: event.generation ?? null,
    count: event.count ?? null,
    // In one spelling, so that a filter finds it. The code of a host may publish another one, or a text that is not an address.
    ip: cut(event.ip && (addressOf(event.ip) ?? event.ip), 45),
    country: cut(event.country, 2),
    userAgent: cut(event.userAgent, 512),
    account: cut(event.account, 22),
    accountName: cut(event.accountName, 255),
    actor: cut(event.actor, 255),
  };
}

/**
 * Shortens a text to fit its column, because one rejected event would block all others. PostgreSQL texts cannot hold
 * NUL.
 */
function cut(text: string | null | undefined, longest: number): string | null {
  return text?.replaceAll('\0', '').slice(0, longest) ?? null;
}
