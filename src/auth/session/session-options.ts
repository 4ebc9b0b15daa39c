import { AuthConfigurationError } from '../common/errors/auth-error.js';
import { integer, oneOf, optional, text, texts } from '../common/options/checks.js';
import { configOf } from '../common/options/config.js';
import { duration, LONGEST } from '../common/options/duration.js';
import { type Argon2idOptions, argon2idParameters } from './argon2id-options.js';

/** How the refresh token travels: in an HttpOnly cookie, or in JSON bodies. Chosen at login, for good. */
export type Transport = 'cookie' | 'body';

/** What happens at the limit of sessions per user. */
export type OnTooManySessions = 'refuse' | 'end_oldest' | 'end_longest_idle';

/** Refresh tokens and the sessions they stand for. */
export class RefreshTokenOptions {
  /** How long a session lives, counted from the login. No refresh extends it. `'1s'` to `'400d'`; 7 to 30 days are advised. */
  ttl = '30d';
  /** How long a session lives without being refreshed. `'1s'` to `'400d'`. */
  idleTtl = '7d';
  /** How long the predecessor of a refresh token is still answered, with the same successor. `'0s'` (strict) to `'60s'`. */
  grace = '10s';
  /**
   * How the token is hashed in the database: `'hmac-sha256'`, keyed, some microseconds; or Argon2id, keyed and slow,
   * for policies that demand it. Rows of both kinds are always verified, so the option can be changed at any time.
   */
  hasher: 'hmac-sha256' | 'argon2id' | Argon2idOptions = 'hmac-sha256';
  /** The transport of a login that does not name one. */
  defaultTransport: Transport = 'cookie';
  /** The `client_id` of a login that does not name one. */
  defaultClientId = 'default';
  /** The scopes that a login may ask for; `undefined`: any. */
  scopes?: string[] = undefined;
  /** How many sessions a user may have at a time; `undefined`: any number. 1 to 10,000. */
  maxSessionsPerUser?: number = undefined;
  /** What a login does at that limit: it is refused, or it ends the oldest session, or the one that was idle the longest. */
  onTooManySessions: OnTooManySessions = 'end_oldest';
}

export class RefreshTokenConfig extends configOf('refreshToken.', RefreshTokenOptions, {
  ttl: duration('1s', LONGEST),
  idleTtl: duration('1s', LONGEST),
  grace: duration('0s', '60s'),
  hasher: argon2idOf,
  defaultTransport: oneOf('cookie', 'body'),
  defaultClientId: text(255),
  scopes: optional(texts('profile')),
  maxSessionsPerUser: optional(integer(1, 10_000)),
  onTooManySessions: oneOf('refuse', 'end_oldest', 'end_longest_idle'),
}) {}

/** The removal of dead sessions from the table. */
export class PurgeOptions {
  /** How often this instance purges; `'0s'`: only when `RefreshTokenService.purge()` is called. `'1s'` to `'24d'`. */
  interval = '1h';
  /** How long a dead session stays, so that its reuse is still told from a forgery. `'0s'` to `'400d'`. */
  retention = '7d';
  /** Rows that one statement reads, and at most deletes. 1 to 10,000. */
  batchSize = 500;
}

export class PurgeConfig extends configOf('purge.', PurgeOptions, {
  // Timers of Node.js hold at most 2^31 - 1 milliseconds, a little more than 24 days.
  interval: duration('0s', '24d'),
  retention: duration('0s', LONGEST),
  batchSize: integer(1, 10_000),
}) {}

/** The parameters of Argon2id; `undefined` for HMAC-SHA-256. */
function argon2idOf(name: string, hasher: RefreshTokenOptions['hasher']): Required<Argon2idOptions> | undefined {
  if (hasher === 'hmac-sha256') return undefined;
  if (hasher === 'argon2id') return argon2idParameters({});
  if (typeof hasher === 'object' && hasher !== null) return argon2idParameters(hasher);
  throw new AuthConfigurationError(`${name} must be 'hmac-sha256', 'argon2id' or the parameters of Argon2id.`);
}
