import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit, type Type } from '@nestjs/common';
import { AuthEventLog } from '../../auth/audit/auth-event-log.js';
import { Clock } from '../../auth/common/time/clock.js';
import { AuthEventBus } from '../../auth/events/auth-event-bus.js';
import type { AuthEvent, AuthEventType } from '../../auth/events/auth-event.js';
import { AuthModuleRegistry } from '../../auth/modules/auth-module-registry.js';
import { RefreshTokenService } from '../../auth/refresh-token/refresh-token.service.js';
import { RevocationFeed } from '../../auth/revocation/revocation-feed.js';
import { INSTRUMENTS, type Instruments } from './instruments.js';
import {
  ALERTS,
  REFRESH_OUTCOMES,
  refreshOutcomeOf,
  REVOCATION_REASONS,
  revocationReasonOf,
  SIGN_IN_OUTCOMES,
  THROTTLED_REASONS,
} from './outcomes.js';

/** Seconds. A refresh takes one to ten milliseconds, an Argon2id login about a hundred. */
const BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];

/** Injects the shortest time between two counts of the live sessions, in milliseconds. */
export const SESSION_COUNT_INTERVAL = Symbol('SESSION_COUNT_INTERVAL');

/**
 * The metrics of sessions, updated by the events. Their labels have fixed sets of values, and contain no ids or
 * addresses.
 */
@Injectable()
export class AuthMeasurements implements OnModuleInit, OnApplicationShutdown {
  readonly requestDuration;
  private readonly count: (event: AuthEvent) => void;
  private sessions: number | undefined;
  private countedAt = -Infinity;
  private unsubscribe: (() => void)[] = [];

  constructor(
    @Inject(INSTRUMENTS) private readonly instruments: Instruments,
    @Inject(SESSION_COUNT_INTERVAL) private readonly sessionCountInterval: number,
    private readonly modules: AuthModuleRegistry,
    private readonly clock: Clock,
  ) {
    this.count = countersIn(instruments);
    this.requestDuration = instruments.histogram(
      { name: 'request_duration', unit: 's', help: 'Response time of the auth routes.', labels: ['route', 'status'] },
      BUCKETS,
    );
    this.makeGauges();
  }

  onModuleInit(): void {
    this.unsubscribe = this.ofAll(AuthEventBus).map((events) => events.subscribe((event) => this.count(event)));
  }

  onApplicationShutdown(): void {
    for (const unsubscribe of this.unsubscribe) unsubscribe();
    this.instruments.close();
  }

  private makeGauges(): void {
    const { instruments } = this;
    const ofLogs = (what: 'waiting' | 'lost') => sum(this.ofAll(AuthEventLog).map(({ status }) => status[what]));
    const ofFeeds = (what: 'age' | 'clockOffset') => this.ofAll(RevocationFeed).map(({ status }) => status[what]);
    instruments.gauge(
      {
        name: 'revocation_feed_age',
        unit: 's',
        help: 'Time since this instance last read the revocation list.',
      },
      () => Math.max(...ofFeeds('age')) / 1000,
    );
    instruments.gauge(
      {
        name: 'clock_offset',
        unit: 's',
        help: 'How far the clock of this machine is ahead of the clock of the database.',
      },
      // Several modules may have several databases.
      () => ofFeeds('clockOffset').reduce((one, two) => (Math.abs(two) > Math.abs(one) ? two : one)) / 1000,
    );
    instruments.gauge({ name: 'events_waiting', help: 'Events that wait to be written by this instance.' }, () =>
      ofLogs('waiting'),
    );
    instruments.gauge({ name: 'events_lost', help: 'Events that this instance has lost since its start.' }, () =>
      ofLogs('lost'),
    );
    instruments.gauge(
      {
        name: 'active_sessions',
        help: 'Live sessions of all users, on all instances. An estimate from 20,000 rows on.',
      },
      () => this.countSessions(),
    );
  }

  /** If the database is unavailable, the gauge keeps its last value, because metrics matter most then. */
  private async countSessions(): Promise<number | undefined> {
    const now = this.clock.now();
    if (now - this.countedAt < this.sessionCountInterval) return this.sessions;
    try {
      this.sessions = sum(await Promise.all(this.ofAll(RefreshTokenService).map((service) => service.countLive())));
      this.countedAt = now;
    } catch {
      // Other parts already log a database failure.
    }
    return this.sessions;
  }

  private ofAll<T>(type: Type<T>): T[] {
    return this.modules.all.map(({ service }) => service(type));
  }
}

/**
 * Counts an event in each counter that it belongs to. Counters start at 0. Prometheus sees no increase if a counter begins
 * to exist with its first event, so an alert rule would miss it.
 */
function countersIn(instruments: Instruments): (event: AuthEvent) => void {
  const counter = (name: string, help: string) => {
    const add = instruments.counter<never>({ name, help });
    add({}, 0);
    return () => add({});
  };
  const counterBy = <Value extends string>(label: string, values: readonly Value[], name: string, help: string) => {
    const add = instruments.counter({ name, help, labels: [label] });
    for (const value of values) add({ [label]: value }, 0);
    return (value: Value, amount?: number) => add({ [label]: value }, amount);
  };
  const signIns = counterBy('outcome', SIGN_IN_OUTCOMES, 'sign_ins', 'Sign-ins, by outcome: success, failure.');
  const refreshes = counterBy(
    'outcome',
    REFRESH_OUTCOMES,
    'refreshes',
    'Refreshes, by outcome: refreshed, repeated, denied, step_up, reuse.',
  );
  const throttled = counterBy(
    'reason',
    THROTTLED_REASONS,
    'throttled',
    'Refusals because of too many failures, by what failed.',
  );
  const repeats = counter('refresh_repeats', 'Refreshes by a predecessor that were answered again.');
  const reuses = counter('reuse_detected', 'Sessions revoked because of reuse.');
  const revocations = counterBy('reason', REVOCATION_REASONS, 'revocations', 'Revoked sessions, by reason.');
  const alerts = counterBy<AuthEventType>('type', ALERTS, 'alerts', 'Alerts, by type of event.');
  return (event) => {
    const { type, reason = '', count, alert } = event;
    if (alert) alerts(type);
    const outcome = refreshOutcomeOf(event);
    if (outcome) refreshes(outcome, count);
    switch (type) {
      case 'signed_in':
        return signIns('success');
      case 'sign_in_failed':
        return signIns('failure');
      case 'throttled':
        return throttled(reason);
      case 'refresh_repeated':
        return repeats();
      case 'reuse_detected':
      case 'token_shared':
        return reuses();
      case 'revoked':
        return revocations(revocationReasonOf(event), count);
      default:
        return;
    }
  };
}

const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);
