import { AuthConfigurationError } from '../common/errors/auth-error.js';
import { integer, oneOf, optional, text, texts } from '../common/options/checks.js';
import { configOf } from '../common/options/config.js';
import { duration, LONGEST } from '../common/options/duration.js';
import { type Argon2idOptions, argon2idParameters } from './argon2id-options.js';

/** How the refresh token travels: in an HttpOnly cookie, or in JSON bodies. The login chooses it for the whole session. */
export type Transport = 'cookie' | 'body';

/** What a login does when its user has the most sessions allowed. */
export type OnTooManySessions = 'refuse' | 'end_oldest' | 'end_longest_idle';

/** Refresh tokens, and the sessions that they keep alive. */
export class RefreshTokenOptions {
  /** How long a session lives after its login. No refresh extends it. We advise 7 to 30 days. */
  ttl = '30d';
  /** How long a session lives without a refresh. */
  idleTtl = '7d';
  /**
   * The grace window: how long the predecessor of a refresh token still gets the same successor. With
   * `'0s'` (strict mode) a predecessor is never answered, a lost answer costs the session, and a refresh takes half a second.
   */
  grace = '10s';
  /**
   * How the token is hashed in the database. `'hmac-sha256'` is keyed and takes microseconds. `'argon2id'` is keyed and slow, for
   * policies that demand it. It needs the package `argon2`, and takes some 50 ms twice per refresh. Give
   * `{ memoryCost, timeCost, parallelism }` (KiB, passes, lanes) for other parameters than 19,456 KiB, 2 passes and 1 lane. A token of
   * 256 random bits gains nothing by Argon2id. Rows of both kinds are always verified, so you can change the option at any time.
   *
   * @example
   * AuthModule.forRoot({ ...authOptions, refreshToken: { hasher: { memoryCost: 46_080, timeCost: 1 } } });
   */
  hasher: 'hmac-sha256' | 'argon2id' | Argon2idOptions = 'hmac-sha256';
  /** The transport of a login that names none: `'cookie'` or `'body'`. */
  defaultTransport: Transport = 'cookie';
  /** The `client_id` of a login that names none. */
  defaultClientId = 'default';
  /**
   * The scopes that a login may ask for. By default any scope (RFC 6749 §3.3).
   *
   * @example
   * AuthModule.forRoot({ ...authOptions, refreshToken: { scopes: ['orders:read', 'orders:write'] } });
   */
  scopes?: string[] = undefined;
  /**
   * How many sessions a user may have at a time. By default there is no limit.
   *
   * @example
   * AuthModule.forRoot({
   *   ...authOptions,
   *   refreshToken: { maxSessionsPerUser: 5, onTooManySessions: 'end_longest_idle' },
   * });
   */
  maxSessionsPerUser?: number = undefined;
  /**
   * What a login does at that limit. `'refuse'` answers 403 `session_limit`. `'end_oldest'` ends the session that began first.
   * `'end_longest_idle'` ends the session that was refreshed least recently. The limit also holds when sign-ins race across instances.
   */
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
  /** How often this instance purges. With `'0s'` it purges only when you call `RefreshTokenService.purge()`. */
  interval = '1h';
  /** How long a dead session stays in the table. Until then, the events for its tokens name the session and the reason. */
  retention = '7d';
  /** How many rows one statement reads and deletes at most. */
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
