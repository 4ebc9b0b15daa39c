import { AuthError } from '../common/errors/auth-error.js';
import { addressOf } from '../common/request/address.js';
import { givenTime } from '../common/time/given-time.js';
import type { AuthEventType } from '../events/auth-event.js';
import type { AuthEventOutcome } from './event-outcome.js';

/** Filters for events. All that are given must hold. */
export interface AuthEventQuery {
  userId?: string;
  sessionId?: string;
  /** The type, or several of them. */
  type?: AuthEventType | readonly AuthEventType[];
  /** One address, in any of its spellings. */
  ip?: string;
  outcome?: AuthEventOutcome;
  /** The account of a failed login, by the name that was typed. Events hold a hash of it, so it finds them by that. */
  account?: string;
  /** The account of a failed login, by its hash in an event. */
  accountHash?: string;
  /** Who did it, as your code named them. No index serves it, so give a time, too. */
  actor?: string;
  /** Only events at this time or later. A number is milliseconds since the Unix epoch. */
  since?: Date | number;
  /** Only events before this time. A number is milliseconds since the Unix epoch. */
  until?: Date | number;
  /** Only events before the event with this id. */
  before?: string;
  /** 1 to 1000; 50 by default. */
  limit?: number;
  /**
   * Whether refreshes (`refreshed`, `refresh_repeated`) of the last five minutes are left out. Set it if you show the
   * events to their user, as `GET /auth/events` does: a thief who reads the list must not learn the moment. By default
   * they are included.
   */
  withoutRecentRefreshes?: boolean;
}

/** A query as the store takes it. */
export interface CheckedQuery {
  readonly userId?: string;
  readonly sessionId?: string;
  readonly types?: readonly string[];
  readonly ip?: string;
  readonly outcome?: string;
  readonly accounts?: readonly string[];
  readonly actor?: string;
  readonly since?: number;
  readonly until?: number;
  readonly before?: string;
  readonly limit: number;
  readonly withoutRecentRefreshes: boolean;
}

const OUTCOMES: readonly unknown[] = [
  'success',
  'alert',
  'step_up',
  'denied',
  'revoked',
] satisfies readonly AuthEventOutcome[];
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const DEFAULT_LIMIT = 50;
const LARGEST_LIMIT = 1000;
const MOST_TYPES = 64;

/** What a text must look like in each filter. */
const TEXT = /^[^\0]+$/s;
const TYPE = /^[a-z_]{1,32}$/;

/**
 * @param hashes the hashes of an account's name
 * @throws AuthError `invalid_request` for an unknown filter, or for a value that is not valid
 */
export function checkedQuery(query: AuthEventQuery, hashes: (account: string) => string[]): CheckedQuery {
  const { account, accountHash, type, ip, since, until, limit = DEFAULT_LIMIT, ...rest } = query;
  const { userId, sessionId, outcome, actor, before, withoutRecentRefreshes = false, ...unknown } = rest;
  const stranger = Object.keys(unknown)[0];
  if (stranger !== undefined) throw new AuthError('invalid_request', 'There is no such filter for events.');

  const types = type === undefined ? undefined : [type].flat();
  const address = ip === undefined ? undefined : typeof ip === 'string' ? addressOf(ip) : null;
  const checks: Record<string, boolean> = {
    userId: isText(userId),
    sessionId: isText(sessionId, UUID),
    type: types === undefined || (types.length > 0 && types.length <= MOST_TYPES && types.every(isType)),
    ip: address !== null,
    outcome: outcome === undefined || OUTCOMES.includes(outcome),
    account: isText(account),
    accountHash: isText(accountHash),
    actor: isText(actor),
    since: since === undefined || givenTime(since) !== undefined,
    until: until === undefined || givenTime(until) !== undefined,
    before: isText(before, UUID),
    limit: typeof limit === 'number' && !Number.isNaN(limit),
    withoutRecentRefreshes: typeof withoutRecentRefreshes === 'boolean',
  };
  const wrong = Object.keys(checks).find((name) => !checks[name]);
  if (wrong !== undefined) throw new AuthError('invalid_request', `Not valid: ${wrong}.`);

  const ofName = account === undefined ? undefined : hashes(account);
  return {
    userId,
    sessionId: sessionId?.toLowerCase(),
    types,
    ip: address ?? undefined,
    outcome,
    accounts: accountHash === undefined ? ofName : [accountHash].filter((hash) => ofName?.includes(hash) ?? true),
    actor,
    since: givenTime(since),
    until: givenTime(until),
    before: before?.toLowerCase(),
    limit: Math.min(Math.max(1, Math.trunc(limit)), LARGEST_LIMIT),
    withoutRecentRefreshes,
  };
}

function isText(given: unknown, pattern = TEXT): boolean {
  return given === undefined || (typeof given === 'string' && pattern.test(given));
}

function isType(given: unknown): boolean {
  return typeof given === 'string' && TYPE.test(given);
}
