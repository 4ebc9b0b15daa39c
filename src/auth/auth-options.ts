import type { BindingOptions } from './binding/binding-options.js';
import type { RevocationChannel } from './revocation/revocation-channel.js';
import type { Argon2idOptions } from './session/argon2id-options.js';
import type { AlertOptions, AuditOptions } from './audit/audit-options.js';
import type { RiskOptions } from './risk/risk-options.js';

/** How the refresh token travels: in an HttpOnly cookie, or in JSON bodies. Chosen at login, for good. */
export type Transport = 'cookie' | 'body';

/** What happens at the limit of sessions per user. */
export type OnTooManySessions = 'refuse' | 'end_oldest' | 'end_longest_idle';

/** Access tokens: JWTs of RFC 9068. */
export class AccessTokenOptions {
  /** How long an access token lives, unless its session ends before. `'1s'` to `'24h'`; 15 to 30 minutes are advised. */
  ttl = '15m';
  /** The claim `iss`. */
  issuer = 'nestjs-refresh-token';
  /** The claim `aud`; the issuer, where it is not set. */
  audience?: string = undefined;
  /** How far the clocks of two servers may differ when `exp` is checked. `'0s'` to `'60s'`. */
  clockTolerance = '0s';
  /** How many verified access tokens are remembered, so that their signatures are not computed again. 0: none. */
  cacheSize = 5000;
}

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
  /** What a login does where a user has that many: it is refused, or ends the one that began first, or was used last. */
  onTooManySessions: OnTooManySessions = 'end_oldest';
}

/** The cookie that carries the refresh token. It is always HttpOnly, Secure, `SameSite=Strict`, `Path=/` and host-only. */
export class CookieOptions {
  /** Must begin with `__Host-`, so that no other host, and no plain HTTP, can set it (RFC 6265bis). */
  name = '__Host-refresh_token';
  /**
   * The cookie of the client nonce, where the session is bound to one; begins likewise. `undefined`:
   * `'__Host-client_nonce'`, or the `name` with `_client_nonce` behind it where that has been changed.
   */
  clientNonceName?: string = undefined;
  /** Origins other than the server's own whose pages may use the cookie, exactly as browsers send them: `'https://app.example'`. */
  allowedOrigins: string[] = [];
}

/** The removal of dead sessions from the table. */
export class PurgeOptions {
  /** How often this instance purges; `'0s'`: only when `RefreshTokenService.purge()` is called. `'1s'` to `'24d'`. */
  interval = '1h';
  /** How long a dead session stays, so that its reuse is still told from a forgery. `'0s'` to `'400d'`. */
  retention = '7d';
  /** Rows that one statement reads, and at most deletes. 1 to 10,000. */
  batchSize = 500;
}

/** How soon a revocation, or a change of permissions, takes effect on access tokens that are already out. */
export class RevocationOptions {
  /** Within this time on every instance. Each reads the table twice as often. `'100ms'` to `'10m'`. */
  delay = '1s';
  /** What guarded routes answer while this instance cannot keep to the delay: as before, or 503. */
  onStale: 'serve' | 'refuse' = 'serve';
  /** Brings changes to the other instances sooner, such as `redisRevocationChannel({ url })`. */
  channel?: RevocationChannel = undefined;
}

/** All options. Each has a default but the secret; every duration is written as `'15m'`. */
export class AuthOptions {
  /**
   * At least 32 random bytes, from which every key is derived. With several, the first makes new tokens and the
   * others verify older ones. A string counts as its UTF-8 bytes.
   *
   * @example `openssl rand -base64 48`
   */
  secret: string | Uint8Array | (string | Uint8Array)[];
  accessToken: Partial<AccessTokenOptions> = {};
  refreshToken: Partial<RefreshTokenOptions> = {};
  cookie: Partial<CookieOptions> = {};
  purge: Partial<PurgeOptions> = {};
  revocation: Partial<RevocationOptions> = {};
  binding: Partial<BindingOptions> = {};
  risk: Partial<RiskOptions> = {};
  audit: Partial<AuditOptions> = {};
  alerts: Partial<AlertOptions> = {};
  /** How long the host's user provider may take before the request is answered with 503. `'10ms'` to `'60s'`. */
  userProviderTimeout = '5s';
  /**
   * How long the database may take to answer a SELECT; after that the connection is closed, and the request answered with 503.
   * A statement that writes has six times as long. `'100ms'` to `'60s'`.
   */
  databaseTimeout = '5s';
  /**
   * Refuses HTTP requests that did not come over TLS; `undefined`: where `NODE_ENV` is `production`. Sockets and messages of
   * microservices are not looked at: no adapter applies its trust in proxies there.
   */
  requireTls?: boolean = undefined;
  /** Named prepared statements on PostgreSQL. Switch off behind a pooler that cannot carry them. */
  preparedStatements = true;
}

/** What the host writes: the secret, and whatever it wants different from the defaults. */
export type AuthModuleOptions = Pick<AuthOptions, 'secret'> & Partial<Omit<AuthOptions, 'secret'>>;

/** Implemented by the class given to `AuthModule.forRootAsync({ useClass })` or `({ useExisting })`. */
export interface AuthOptionsFactory {
  createAuthOptions(): AuthModuleOptions | Promise<AuthModuleOptions>;
}
