import { Injectable, type OnApplicationShutdown, type OnModuleInit, type Type } from '@nestjs/common';
import { Counter, Gauge, Histogram, register, type Registry } from 'prom-client';
import { AuthEventLog } from '../../auth/audit/auth-event-log.js';
import { Clock } from '../../auth/common/time/clock.js';
import { AuthEventBus } from '../../auth/events/auth-event-bus.js';
import type { AuthEvent } from '../../auth/events/auth-event.js';
import { AuthModuleRegistry } from '../../auth/modules/auth-module-registry.js';
import { RefreshTokenService } from '../../auth/refresh-token/refresh-token.service.js';
import { RevocationFeed } from '../../auth/revocation/revocation-feed.js';
import { MetricsConfig } from './metrics-options.js';
import { type RefreshOutcome, refreshOutcomeOf, revocationReasonOf } from './outcomes.js';

/** Seconds. A refresh takes one to ten milliseconds, an Argon2id login about a hundred. */
const BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];

/**
 * The metrics of sessions, updated by the events. Their labels have fixed sets of values, and contain no ids or
 * addresses.
 */
@Injectable()
export class AuthMetrics implements OnModuleInit, OnApplicationShutdown {
  readonly registry: Registry;
  readonly requestDuration: Histogram<'route' | 'status'>;
  private readonly names: string[] = [];
  private readonly signIns: Counter<'outcome'>;
  private readonly refreshes: Counter<'outcome'>;
  private readonly throttled: Counter<'reason'>;
  private readonly repeats: Counter;
  private readonly reuses: Counter;
  private readonly revocations: Counter<'reason'>;
  private readonly alerts: Counter<'type'>;
  private countedAt = -Infinity;
  private unsubscribe: (() => void)[] = [];

  constructor(
    private readonly modules: AuthModuleRegistry,
    private readonly clock: Clock,
    private readonly config: MetricsConfig,
  ) {
    this.registry = config.registry ?? register;
    const named = <Label extends string>(name: string, help: string, ...labelNames: Label[]) => {
      this.names.push(config.prefix + name);
      return { name: config.prefix + name, help, labelNames, registers: [this.registry] };
    };
    this.signIns = new Counter(named('sign_ins_total', 'Sign-ins, by outcome: success, failure.', 'outcome'));
    this.refreshes = new Counter(
      named('refreshes_total', 'Refreshes, by outcome: refreshed, repeated, denied, step_up, reuse.', 'outcome'),
    );
    this.throttled = new Counter(
      named('throttled_total', 'Refusals because of too many failures, by what failed.', 'reason'),
    );
    this.repeats = new Counter(named('refresh_repeats_total', 'Refreshes by a predecessor that were answered again.'));
    this.reuses = new Counter(named('reuse_detected_total', 'Sessions revoked because of reuse.'));
    this.revocations = new Counter(named('revocations_total', 'Revoked sessions, by reason.', 'reason'));
    this.alerts = new Counter(named('alerts_total', 'Alerts, by type of event.', 'type'));
    this.requestDuration = new Histogram({
      ...named('request_duration_seconds', 'Response time of the auth routes.', 'route', 'status'),
      buckets: BUCKETS,
    });
    this.makeGauges(named);
  }

  onModuleInit(): void {
    this.unsubscribe = this.ofAll(AuthEventBus).map((events) => events.subscribe((event) => this.count(event)));
  }

  onApplicationShutdown(): void {
    for (const unsubscribe of this.unsubscribe) unsubscribe();
    for (const name of this.names) this.registry.removeSingleMetric(name);
  }

  private makeGauges(
    named: (name: string, help: string) => { name: string; help: string; registers: Registry[] },
  ): void {
    const ofLogs = (what: 'waiting' | 'lost') => sum(this.ofAll(AuthEventLog).map(({ status }) => status[what]));
    const ofFeeds = (what: 'age' | 'clockOffset') => this.ofAll(RevocationFeed).map(({ status }) => status[what]);
    new Gauge({
      ...named('revocation_feed_age_seconds', 'Time since this instance last read the revocation list.'),
      collect() {
        this.set(Math.max(...ofFeeds('age')) / 1000);
      },
    });
    new Gauge({
      ...named('clock_offset_seconds', 'How far the clock of this machine is ahead of the clock of the database.'),
      collect() {
        // Several modules may have several databases.
        this.set(ofFeeds('clockOffset').reduce((one, two) => (Math.abs(two) > Math.abs(one) ? two : one)) / 1000);
      },
    });
    new Gauge({
      ...named('events_waiting', 'Events that wait to be written by this instance.'),
      collect() {
        this.set(ofLogs('waiting'));
      },
    });
    new Gauge({
      ...named('events_lost', 'Events that this instance has lost since its start.'),
      collect() {
        this.set(ofLogs('lost'));
      },
    });
    const countSessions = (set: (count: number) => void) => this.countSessions(set);
    new Gauge({
      ...named('active_sessions', 'Live sessions of all users, on all instances. An estimate from 20,000 rows on.'),
      async collect() {
        await countSessions((count) => this.set(count));
      },
    });
  }

  /** If the database is unavailable, the gauge keeps its last value, because metrics matter most then. */
  private async countSessions(set: (count: number) => void): Promise<void> {
    const now = this.clock.now();
    if (now - this.countedAt < this.config.sessionCountInterval) return;
    try {
      set(sum(await Promise.all(this.ofAll(RefreshTokenService).map((service) => service.countLive()))));
      this.countedAt = now;
    } catch {
      // Other parts already log a database failure.
    }
  }

  private ofAll<T>(type: Type<T>): T[] {
    return this.modules.all.map(({ service }) => service(type));
  }

  private count(event: AuthEvent): void {
    if (event.alert) this.alerts.inc({ type: event.type });
    const outcome: RefreshOutcome | undefined = refreshOutcomeOf(event);
    if (outcome) this.refreshes.inc({ outcome });
    switch (event.type) {
      case 'signed_in':
        return this.signIns.inc({ outcome: 'success' });
      case 'sign_in_failed':
        return this.signIns.inc({ outcome: 'failure' });
      case 'throttled':
        return this.throttled.inc({ reason: event.reason });
      case 'refresh_repeated':
        return this.repeats.inc();
      case 'reuse_detected':
      case 'token_shared':
        return this.reuses.inc();
      case 'revoked':
        return this.revocations.inc({ reason: revocationReasonOf(event) }, event.count ?? 1);
      default:
        return;
    }
  }
}

const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);
