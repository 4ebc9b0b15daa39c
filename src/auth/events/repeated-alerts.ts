import { LRUCache } from 'lru-cache';
import { subnetOf } from '../common/request/address.js';
import type { AuthEvent, AuthEventType } from './auth-event.js';

/** Milliseconds between two alerts with one reason about one session. */
const ALERT_EVERY = 60_000;
/** Beyond this number of sessions and reasons, the oldest are told at once. */
const MOST_KINDS = 10_000;

/** A client can cause these again and again. They are held back and counted. */
const COUNTED: ReadonlySet<AuthEventType> = new Set([
  'sign_in_failed',
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

interface Told {
  /** When the last alert was told, in milliseconds. */
  at: number;
  /** What has happened since: the latest event, with the number of all. */
  held?: AuthEvent;
  timer?: NodeJS.Timeout;
}

/**
 * Tells the first alert with one reason about one session at once, and those that follow once a minute, by their number.
 * So nobody can drown other alerts, the log or the table of events.
 */
export class RepeatedAlerts {
  private readonly told = new LRUCache<string, Told>({
    max: MOST_KINDS,
    dispose: (told, _, cause) => void (cause === 'evict' && this.tellHeld(told)),
  });
  private isClosed = false;

  /** @param deliver passes an event on to the host */
  constructor(private readonly deliver: (event: AuthEvent) => void) {}

  publish(event: AuthEvent): void {
    const isCounted = COUNTED.has(event.type);
    if (this.isClosed || !(isCounted || SUCCEEDED.has(event.type))) return this.deliver(event);
    const kind = kindOf(event);
    const told = this.told.get(kind);
    const since = told === undefined ? Infinity : Math.abs(event.at - told.at);
    if (!told || since >= ALERT_EVERY) {
      this.told.set(kind, { at: event.at });
      this.deliver(told?.held ? together(told.held, event) : event);
      clearTimeout(told?.timer);
    } else if (isCounted) {
      told.held = together(told.held, event);
      told.timer ??= setTimeout(() => this.tellHeld(told), ALERT_EVERY - since).unref();
    } else {
      this.deliver({ ...event, alert: undefined });
    }
  }

  /** Tells what is held back. From now on nothing is. */
  close(): void {
    this.isClosed = true;
    for (const told of this.told.values()) this.tellHeld(told);
  }

  private tellHeld(told: Told): void {
    clearTimeout(told.timer);
    told.timer = undefined;
    if (!told.held) return;
    this.deliver(told.held);
    told.at = told.held.at;
    told.held = undefined;
  }
}

/** Without a session it is the client's network that an alert is about. */
function kindOf({ type, reason, sessionId, userId, ip }: AuthEvent): string {
  return JSON.stringify([type, reason, sessionId ?? userId ?? (ip && subnetOf(ip))]);
}

function together(held: AuthEvent | undefined, { count = 1, ...event }: AuthEvent): AuthEvent {
  return { ...event, count: count + (held?.count ?? 0) };
}
