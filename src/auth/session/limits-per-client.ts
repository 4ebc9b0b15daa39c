import { AuthConfigurationError } from '../common/errors/auth-error.js';
import { assertKnown, assertObject, boolean, integer, optional } from '../common/options/checks.js';
import { duration, LONGEST, parseDuration } from '../common/options/duration.js';
import { CLIENT_ID } from './client-id.js';
import type { SessionLifetimes } from './session-terms.js';

/**
 * What `refreshToken.clients` says of the sessions of one `client_id`.
 *
 * @example
 * const kiosk: ClientOptions = { ttl: '12h', idleTtl: '30m', persistent: false, maxSessionsPerUser: 1 };
 */
export interface ClientOptions extends SessionLifetimes {
  /** How many sessions of this client a user may have at a time: 1 to 10,000. What happens then: `onTooManySessions`. */
  maxSessionsPerUser?: number;
}

/** The same, checked. Times are milliseconds. */
export interface CheckedClient {
  readonly ttl: number | undefined;
  readonly idleTtl: number | undefined;
  readonly accessTokenTtl: number | undefined;
  readonly persistent: boolean | undefined;
  readonly maxSessionsPerUser: number | undefined;
}

/** The checks of the times of a session, for a client and for a single sign-in. */
export const LIFETIMES = {
  ttl: optional(duration('1s', LONGEST)),
  idleTtl: optional(duration('1s', LONGEST)),
  accessTokenTtl: optional(duration('1s', '24h')),
  persistent: optional(boolean),
} as const;

const CHECKS = { ...LIFETIMES, maxSessionsPerUser: optional(integer(1, 10_000)) } as const;

/** What the module says: no client may have more. */
interface Bounds {
  readonly ttl: string;
  readonly idleTtl: string;
  readonly maxSessionsPerUser?: number;
}

/** @throws AuthConfigurationError for a value that is not valid, or more than the module's */
export function clientsOf(
  name: string,
  given: Record<string, ClientOptions> | undefined = {},
  bounds: Bounds,
): ReadonlyMap<string, CheckedClient> {
  if (typeof given !== 'object' || given === null || Array.isArray(given) || given instanceof Map) {
    throw new AuthConfigurationError(`${name} must be an object, for example { kiosk: { ttl: '12h' } }.`);
  }
  const unusable = Object.keys(given).find((id) => !CLIENT_ID.test(id));
  if (unusable !== undefined) {
    throw new AuthConfigurationError(
      `${name}: no client can have the client_id ${JSON.stringify(unusable.slice(0, 20))}. It has 1 to 255 characters, and no control characters.`,
    );
  }
  return new Map(Object.entries(given).map(([id, client]) => [id, clientOf(`${name}.${id}`, client, bounds)]));
}

function clientOf(name: string, given: ClientOptions, bounds: Bounds): CheckedClient {
  const known = Object.keys(CHECKS);
  assertObject(name, given, known);
  assertKnown(name, given, known);
  for (const time of ['ttl', 'idleTtl'] as const) {
    assertWithin(`${name}.${time}`, given[time], `refreshToken.${time}`, bounds[time]);
  }
  const most = bounds.maxSessionsPerUser ?? Infinity;
  if (Number(given.maxSessionsPerUser ?? 0) > most) {
    throw new AuthConfigurationError(
      `${name}.maxSessionsPerUser is ${given.maxSessionsPerUser}, but refreshToken.maxSessionsPerUser is ${most}, and no user ` +
        'may have more. Raise refreshToken.maxSessionsPerUser, or write a lower number here.',
    );
  }
  const entries = Object.entries(CHECKS).map(([key, check]) => [
    key,
    check(`${name}.${key}`, given[key as keyof ClientOptions]),
  ]);
  return Object.fromEntries(entries) as CheckedClient;
}

/** @throws AuthConfigurationError if a time of a client is longer than that of the module */
function assertWithin(name: string, given: string | undefined, boundName: string, bound: string): void {
  if ((parseDuration(given) ?? 0) <= (parseDuration(bound) ?? Infinity)) return;
  throw new AuthConfigurationError(
    `${name} is '${given}', but ${boundName} is '${bound}', and no session may have more. Raise ${boundName}: clients ` +
      'that should have less can say so here.',
  );
}
