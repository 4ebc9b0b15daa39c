import { AsyncResource } from 'node:async_hooks';
import { LRUCache } from 'lru-cache';
import { subnetOf } from '../common/request/address.js';
import type { Clock } from '../common/time/clock.js';
import type { AuthEvent, AuthEventType } from './auth-event.js';

/** Milliseconds between two alerts with one reason about one session. */
const ALERT_EVERY = 60_000;
/** Alerts with one reason in that time from all sessions of a user together. A user can begin any number of sessions. */
const MOST_OF_USER = 20;
/** Beyond this number of sessions and reasons, the oldest are told at once. */
const MOST_KINDS = 10_000;

/** A client can cause these again and again. They are held back and counted. */
const COUNTED: ReadonlySet<AuthEventType> = new Set([
  'refresh_denied',
  'step_up_required',
  'binding_failed',
  'row_rolled_back',
]);
/** Each of these is an event of its own. Only the alert is left out. */
const SUCCEEDED: ReadonlySet<AuthEventType> = new Set([
  'refreshed',
  'refresh_repeated',
  'step_up_passed',
  'device_changed',
]);

/** The alerts of one kind. */
interface Told {
  readonly isOfUser: boolean;
  /** When the last one was told, in milliseconds since the Unix epoch. */
  at: number;
  /** What has happened since: the latest event, with the number of all. */
  held?: AuthEvent;
  timer?: NodeJS.Timeout;
}

/**
 * Tells the first alert with one reason about one session at once, and those that follow once a minute, by their number.
 * Further sessions of a user with many alerts count together. So nobody can drown other alerts or the log.
 */
export class RepeatedAlerts {
  private readonly told = new LRUCache<string, Told>({
    max: MOST_KINDS,
    disposeAfter: (told, _, cause) => void (cause === 'evict' && this.tellLater(told)),
  });
  private readonly ofUsers = new LRUCache<string, { readonly since: number; alerts: number }>({ max: MOST_KINDS });
  private isClosed = false;
  /** Later, and in the `AsyncLocalStorage` of no request: the one that happens to run then may be of another tenant. */
  private readonly tellLater = AsyncResource.bind((told: Told) => this.tellHeld(told));

  /** @param deliver passes an event on to the host */
  constructor(
    private readonly deliver: (event: AuthEvent) => void,
    private readonly clock: Clock,
  ) {}

  publish(event: AuthEvent): void {
    if (this.isClosed) return this.deliver(event);
    const isCounted = COUNTED.has(event.type);
    const ofSession = kindOf(event);
    if (this.isRecent(ofSession, event)) return this.repeat(ofSession, event);
    if (!this.isBeyondUser(event))
      return isCounted || SUCCEEDED.has(event.type) ? this.tell(ofSession, event) : this.deliver(event);
    if (isCounted) this.addToUser(event);
    else this.deliver({ ...event, alert: undefined });
  }

  private addToUser(event: AuthEvent): void {
    const ofUser = kindOf({ ...event, sessionId: undefined });
    if (this.isRecent(ofUser, event)) this.repeat(ofUser, event);
    else this.tell(ofUser, event, true);
  }

  private isRecent(kind: string, { at }: AuthEvent): boolean {
    const told = this.told.get(kind);
    return told !== undefined && Math.abs(at - told.at) < ALERT_EVERY;
  }

  private isBeyondUser(event: AuthEvent): boolean {
    if (event.userId === undefined) return false;
    const kind = kindOf({ ...event, sessionId: undefined });
    const known = this.ofUsers.get(kind);
    if (known && Math.abs(event.at - known.since) < ALERT_EVERY) return ++known.alerts > MOST_OF_USER;
    this.ofUsers.set(kind, { since: event.at, alerts: 1 });
    return false;
  }

  private tell(kind: string, event: AuthEvent, isOfUser = false): void {
    const told = this.told.get(kind);
    this.told.set(kind, { at: event.at, isOfUser });
    this.deliver(told?.held ? together(told.held, event) : event);
    clearTimeout(told?.timer);
  }

  private repeat(kind: string, event: AuthEvent): void {
    if (!COUNTED.has(event.type)) return this.deliver({ ...event, alert: undefined });
    const told = this.told.get(kind)!;
    told.held = together(told.held, event);
    told.timer ??= setTimeout(() => this.tellLater(told), ALERT_EVERY - Math.abs(event.at - told.at)).unref();
  }

  /** Tells what is held back. From now on nothing is. */
  close(): void {
    this.isClosed = true;
    for (const told of this.told.values()) this.tellLater(told);
  }

  private tellHeld(told: Told): void {
    clearTimeout(told.timer);
    told.timer = undefined;
    const { held, isOfUser } = told;
    if (!held) return;
    told.held = undefined;
    told.at = this.clock.now();
    if (!this.isClosed && !isOfUser && this.isBeyondUser({ ...held, at: told.at })) this.addToUser(held);
    else this.deliver(held);
  }
}

/**
 * Without a session it is the client's network that an alert is about. Only refreshes have a generation: metrics count them
 * apart from requests to guarded routes.
 */
function kindOf({ type, reason, reasons, sessionId, userId, generation, ip }: AuthEvent): string {
  const about = sessionId ?? userId ?? (ip && subnetOf(ip));
  return JSON.stringify([type, reasons ?? reason, generation === undefined, about]);
}

function together(held: AuthEvent | undefined, { count = 1, ...event }: AuthEvent): AuthEvent {
  return { ...event, count: count + (held?.count ?? 0) };
}
