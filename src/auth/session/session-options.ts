import { AuthConfigurationError } from '../common/errors/auth-error.js';
import { boolean, complete, integer, oneOf, optional, text } from '../common/options/checks.js';
import { configOf } from '../common/options/config.js';
import { duration, LONGEST } from '../common/options/duration.js';
import { scopeList } from '../common/options/scopes.js';
import { type ClientOptions, clientsOf } from './limits-per-client.js';
import { type Argon2idOptions, argon2idParameters } from './argon2id-options.js';
import type { OnNewDevice } from './new-device.js';

/**
 * How the refresh token travels: in an HttpOnly cookie, or in JSON bodies. The login chooses it for the whole session.
 */
export type Transport = 'cookie' | 'body';

/** What a login does when its user has the most sessions allowed. */
export type OnTooManySessions = 'refuse' | 'end_oldest' | 'end_longest_idle';

/**
 * The budget of a session for late answers.
 *
 * @example
 * const lateAnswers: LateAnswersOptions = { burst: 1, per: '7d' };
 */
export interface LateAnswersOptions {
  /** How many at once. 1 to 10. */
  burst?: number;
  /** The time after which there is one more. `'1m'` to `'400d'`. */
  per?: string;
  /** Whether clients get them that send no `received_with`. */
  withoutKeys?: boolean;
}

/** Refresh tokens, and the sessions that they keep alive. */
export class RefreshTokenOptions {
  /** How long a session lives after its login. No refresh extends it. We advise 7 to 30 days. */
  ttl = '30d';
  /** How long a session lives without a refresh. */
  idleTtl = '7d';
  /**
   * The grace window: how long the requests of one burst get the live token, from its first refresh on. No later refresh
   * extends it. With `'0s'` (strict mode) a predecessor is answered only to a retry with the same `idempotency_key`. If a
   * client without keys then loses an answer, it loses the session, and each refresh takes half a second.
   */
  grace = '10s';
  /**
   * A small budget of each session for the predecessor of its token, after the window: `burst` answers at once, and one
   * more after each `per`. It helps an app that was killed before it stored its new token. The request must come from the
   * same browser family and system, and not from another country. By default it needs a claim (`received_with`), because a
   * thief with a predecessor would profit. `withoutKeys: true` gives late answers to all clients. `false` switches them
   * off. Each is an alert. Strict mode has none.
   *
   * @example
   * AuthModule.forRoot({ ...authOptions, refreshToken: { lateAnswers: { burst: 2, per: '1d', withoutKeys: false } } });
   */
  lateAnswers: false | LateAnswersOptions = { burst: 1, per: '1d', withoutKeys: false };
  /**
   * What happens if a repeat within the grace window comes from another browser family or operating system than the
   * latest refresh. `'reuse'` ends the session, `'alert'` answers and raises an alert, `'allow'` answers. Requests that
   * prove the session's key are exempt, and so is a retry with the same `idempotency_key`.
   */
  onRepeatFromOtherDevice: 'reuse' | 'alert' | 'allow' = 'reuse';
  /**
   * How the token is hashed in the database. `'hmac-sha256'` is keyed and takes microseconds. `'argon2id'` is keyed and
   * slow, for policies that demand it. It needs the package `argon2`, and takes some 50 ms per refresh. Give `{
   * memoryCost, timeCost, parallelism }` (KiB, passes, lanes) for other parameters than 19,456 KiB, 2 passes and 1
   * lane. A token of 256 random bits gains nothing by Argon2id. Rows of both kinds are always verified, so you can
   * change the option at any time.
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
   * The scopes that clients can get (RFC 6749 §3.3). By default none: what a login asks for is ignored, and its answer says
   * so. With a list, a login that asks for any other scope is refused with `invalid_scope`. The same holds for your own
   * calls of `issue` and `signIn`. A scope that you remove is missing from all tokens that are issued from then on; the
   * sessions go on. Every user can get each of these scopes: what a user may do belongs in `permissions` or `roles`.
   *
   * @example
   * AuthModule.forRoot({ ...authOptions, refreshToken: { scopes: ['orders:read', 'orders:write'] } });
   */
  scopes: string[] = [];
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
   * What a login does at that limit. `'refuse'` answers 403 `session_limit`. `'end_oldest'` ends the session that began
   * first. `'end_longest_idle'` ends the session that was refreshed least recently. The limit also holds when sign-ins
   * race across instances, and across the nodes of a Galera cluster.
   */
  onTooManySessions: OnTooManySessions = 'end_oldest';
  /**
   * Shorter sessions for some clients, by their `client_id`: `ttl`, `idleTtl`, `accessTokenTtl`, `persistent` and
   * `maxSessionsPerUser`. None may be longer than those of the module. A sign-in of your own code may say otherwise, with
   * the same bounds. A client that names no `client_id` is `defaultClientId`. Nothing proves a `client_id`, so this is no
   * protection against a user who wants a longer session.
   *
   * @example
   * AuthModule.forRoot({
   *   ...authOptions,
   *   refreshToken: { clients: { kiosk: { ttl: '12h', idleTtl: '30m', persistent: false, maxSessionsPerUser: 1 } } },
   * });
   */
  clients?: Record<string, ClientOptions> = undefined;
  /**
   * How recently users must have authenticated, by login or step-up, to end other sessions of theirs (ASVS 7.5.2). It
   * applies to `POST /auth/logout-all` and `DELETE /auth/sessions/:id`: with an older authentication they answer 401
   * `insufficient_user_authentication`. Users can always end the session of their request. By default any
   * authentication will do. `userProvider` needs `reauthenticate`.
   *
   * @example
   * AuthModule.forRoot({ ...authOptions, refreshToken: { stepUpToEndSessions: '10m' } });
   */
  stepUpToEndSessions?: string = undefined;
  /**
   * Called once when a user signs in from a new device, for example to send a mail. With `true`, only the event `new_device`
   * tells it. It needs one or two more queries for each sign-in, in the background. A browser with the cookie transport
   * is known by a cookie of its own. Any other client is known by the `deviceId` of `RefreshTokenService.issue`, or else by
   * its browser family and system. A device is known until all sessions that began there are purged.
   *
   * @example
   * AuthModule.forRoot({
   *   ...authOptions,
   *   refreshToken: { onNewDevice: ({ userId, userAgent }) => console.log(`Write to ${userId} of ${userAgent}`) },
   * });
   */
  onNewDevice: boolean | OnNewDevice = false;
}

export class RefreshTokenConfig extends configOf('refreshToken.', RefreshTokenOptions, {
  ttl: duration('1s', LONGEST),
  idleTtl: duration('1s', LONGEST),
  grace: duration('0s', '60s'),
  lateAnswers: lateAnswersOf,
  onRepeatFromOtherDevice: oneOf('reuse', 'alert', 'allow'),
  hasher: argon2idOf,
  defaultTransport: oneOf('cookie', 'body'),
  defaultClientId: text(255),
  scopes: scopeList,
  maxSessionsPerUser: optional(integer(1, 10_000)),
  onTooManySessions: oneOf('refuse', 'end_oldest', 'end_longest_idle'),
  clients: clientsOf,
  stepUpToEndSessions: optional(duration('1s', LONGEST)),
  onNewDevice: onNewDeviceOf,
}) {}

/** The removal of dead sessions from the table. */
export class PurgeOptions {
  /**
   * How often one of the instances purges. With `'0s'` this instance purges only when you call
   * `RefreshTokenService.purge()`.
   */
  interval = '1h';
  /**
   * How long a dead session stays in the table. Until then, the events for its tokens name the session and the reason.
   */
  retention = '7d';
  /** How many rows one statement deletes at most. */
  batchSize = 500;
}

export class PurgeConfig extends configOf('purge.', PurgeOptions, {
  // Timers of Node.js hold at most 2^31 - 1 milliseconds, a little more than 24 days.
  interval: duration('0s', '24d'),
  retention: duration('0s', LONGEST),
  batchSize: integer(1, 10_000),
}) {}

function onNewDeviceOf(name: string, given: boolean | OnNewDevice): boolean | OnNewDevice {
  if (typeof given === 'boolean' || typeof given === 'function') return given;
  throw new AuthConfigurationError(`${name} must be a function, or true for the event new_device alone.`);
}

/** The parameters of Argon2id; `undefined` for HMAC-SHA-256. */
function argon2idOf(name: string, hasher: RefreshTokenOptions['hasher']): Required<Argon2idOptions> | undefined {
  if (hasher === 'hmac-sha256') return undefined;
  if (hasher === 'argon2id') return argon2idParameters({});
  if (typeof hasher === 'object' && hasher !== null) return argon2idParameters(hasher);
  throw new AuthConfigurationError(`${name} must be 'hmac-sha256', 'argon2id' or the parameters of Argon2id.`);
}

const lateBurst = integer(1, 10);
const latePer = duration('1m', LONGEST);

/** The budget in milliseconds. `burst` is 0 if there are no late answers. */
function lateAnswersOf(name: string, given: RefreshTokenOptions['lateAnswers']) {
  if (given === false) return { burst: 0, per: 0, withoutKeys: false };
  if (typeof given !== 'object' || given === null) {
    throw new AuthConfigurationError(`${name} must be false or, for example, { burst: 1, per: '1d' }.`);
  }
  const { burst, per, withoutKeys } = complete(name, { burst: 1, per: '1d', withoutKeys: false }, given);
  return {
    burst: lateBurst(`${name}.burst`, burst),
    per: latePer(`${name}.per`, per),
    withoutKeys: boolean(`${name}.withoutKeys`, withoutKeys),
  };
}
