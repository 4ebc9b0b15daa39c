import { AuthConfigurationError } from './common/errors/auth-error.js';
import { type Argon2idOptions, argon2idParameters } from './session/argon2id-options.js';
import { type ResolvedAlerts, type ResolvedAudit, resolveAlerts, resolveAudit } from './audit/audit-options.js';
import {
  AccessTokenOptions,
  type AuthModuleOptions,
  AuthOptions,
  CookieOptions,
  PurgeOptions,
  RefreshTokenOptions,
  RevocationOptions,
} from './auth-options.js';
import { resolveBinding, type ResolvedBinding } from './binding/resolve-binding.js';
import { boolean, complete, integer, oneOf, text, texts } from './common/options/checks.js';
import { durationOption, LONGEST } from './common/options/duration.js';
import { type ResolvedRisk, resolveRisk } from './risk/risk-options.js';
import { checkedOrigins } from './common/options/origins.js';

/** The options as the library uses them: complete, checked, every duration in milliseconds. */
export class ResolvedAuthOptions {
  readonly secrets: Buffer[];
  readonly accessToken: {
    ttl: number;
    issuer: string;
    audience: string;
    clockTolerance: number;
    cacheSize: number;
  };
  readonly refreshToken: {
    ttl: number;
    idleTtl: number;
    grace: number;
    /** `undefined`: HMAC-SHA-256. */
    argon2id: Required<Argon2idOptions> | undefined;
    defaultTransport: RefreshTokenOptions['defaultTransport'];
    defaultClientId: string;
    scopes: string[] | undefined;
    maxSessionsPerUser: number | undefined;
    onTooManySessions: RefreshTokenOptions['onTooManySessions'];
  };
  readonly cookie: Required<CookieOptions>;
  readonly purge: { interval: number; retention: number; batchSize: number };
  readonly revocation: Omit<RevocationOptions, 'delay'> & { delay: number };
  readonly binding: ResolvedBinding;
  readonly risk: ResolvedRisk;
  readonly audit: ResolvedAudit;
  readonly alerts: ResolvedAlerts;
  readonly userProviderTimeout: number;
  readonly databaseTimeout: number;
  readonly requireTls: boolean;
  readonly preparedStatements: boolean;

  constructor(options: AuthModuleOptions) {
    const given = complete('the options', new AuthOptions(), options, ['secret']);
    const access = complete('accessToken', new AccessTokenOptions(), given.accessToken);
    const refresh = complete('refreshToken', new RefreshTokenOptions(), given.refreshToken);
    const purge = complete('purge', new PurgeOptions(), given.purge);

    this.secrets = secretsOf(given.secret);
    this.accessToken = {
      ttl: durationOption('accessToken.ttl', access.ttl, '1s', '24h'),
      issuer: text('accessToken.issuer', access.issuer),
      audience: text('accessToken.audience', access.audience ?? access.issuer),
      clockTolerance: durationOption('accessToken.clockTolerance', access.clockTolerance, '0s', '60s'),
      cacheSize: integer('accessToken.cacheSize', access.cacheSize, 0, 1_000_000),
    };
    this.refreshToken = {
      ttl: durationOption('refreshToken.ttl', refresh.ttl, '1s', LONGEST),
      idleTtl: durationOption('refreshToken.idleTtl', refresh.idleTtl, '1s', LONGEST),
      grace: durationOption('refreshToken.grace', refresh.grace, '0s', '60s'),
      argon2id: argon2idOf(refresh.hasher),
      defaultTransport: oneOf('refreshToken.defaultTransport', refresh.defaultTransport, ['cookie', 'body']),
      defaultClientId: text('refreshToken.defaultClientId', refresh.defaultClientId, 255),
      scopes: refresh.scopes === undefined ? undefined : texts('refreshToken.scopes', refresh.scopes, 'profile'),
      maxSessionsPerUser:
        refresh.maxSessionsPerUser === undefined
          ? undefined
          : integer('refreshToken.maxSessionsPerUser', refresh.maxSessionsPerUser, 1, 10_000),
      onTooManySessions: oneOf('refreshToken.onTooManySessions', refresh.onTooManySessions, [
        'refuse',
        'end_oldest',
        'end_longest_idle',
      ]),
    };
    this.cookie = cookieOf(complete('cookie', new CookieOptions(), given.cookie));
    this.purge = {
      // Timers of Node.js hold at most 2^31 - 1 milliseconds, a little more than 24 days.
      interval: durationOption('purge.interval', purge.interval, '0s', '24d'),
      retention: durationOption('purge.retention', purge.retention, '0s', LONGEST),
      batchSize: integer('purge.batchSize', purge.batchSize, 1, 10_000),
    };
    const revocation = complete('revocation', new RevocationOptions(), given.revocation);
    this.revocation = {
      delay: durationOption('revocation.delay', revocation.delay, '100ms', '10m'),
      onStale: oneOf('revocation.onStale', revocation.onStale, ['serve', 'refuse']),
      channel: channelOf(revocation.channel),
    };
    this.binding = resolveBinding(given.binding);
    this.risk = resolveRisk(given.risk);
    this.audit = resolveAudit(given.audit);
    this.alerts = resolveAlerts(given.alerts);
    this.userProviderTimeout = durationOption('userProviderTimeout', given.userProviderTimeout, '10ms', '60s');
    this.databaseTimeout = durationOption('databaseTimeout', given.databaseTimeout, '100ms', '60s');
    this.requireTls = boolean('requireTls', given.requireTls ?? process.env.NODE_ENV === 'production');
    this.preparedStatements = boolean('preparedStatements', given.preparedStatements);
  }
}

const LEAST_SECRET_BYTES = 32;
const LEAST_DIFFERENT_BYTES = 5;

function secretsOf(secret: AuthOptions['secret'] | undefined): Buffer[] {
  const advice = 'Make one with: openssl rand -base64 48';
  const given = Array.isArray(secret) ? secret : [secret];
  if (given.length === 0 || given.some((one) => one === undefined || one === '')) {
    throw new AuthConfigurationError(`secret is missing. ${advice}`);
  }
  return given.map((one) => {
    if (typeof one !== 'string' && !(one instanceof Uint8Array)) {
      throw new AuthConfigurationError(`secret must be a string or bytes. ${advice}`);
    }
    const bytes = Buffer.from(one as string);
    if (bytes.length < LEAST_SECRET_BYTES || new Set(bytes).size < LEAST_DIFFERENT_BYTES) {
      throw new AuthConfigurationError(
        `secret is weak: it takes at least ${LEAST_SECRET_BYTES} random bytes. ${advice}`,
      );
    }
    return bytes;
  });
}

function argon2idOf(hasher: RefreshTokenOptions['hasher']): Required<Argon2idOptions> | undefined {
  if (hasher === 'hmac-sha256') return undefined;
  if (hasher === 'argon2id') return argon2idParameters({});
  if (typeof hasher === 'object' && hasher !== null) return argon2idParameters(hasher);
  throw new AuthConfigurationError(
    `refreshToken.hasher must be 'hmac-sha256', 'argon2id' or the parameters of Argon2id.`,
  );
}

function channelOf(channel: RevocationOptions['channel']): RevocationOptions['channel'] {
  if (channel === undefined || typeof channel?.open === 'function') return channel;
  throw new AuthConfigurationError(
    "revocation.channel must be a RevocationChannel, such as redisRevocationChannel({ url: 'redis://localhost:6379' }).",
  );
}

function cookieOf(given: CookieOptions): Required<CookieOptions> {
  const isUsual = given.name === new CookieOptions().name;
  const { clientNonceName = isUsual ? '__Host-client_nonce' : `${given.name}_client_nonce` } = given;
  const cookie = { ...given, clientNonceName };
  for (const name of ['name', 'clientNonceName'] as const) {
    if (!/^__Host-[\w.-]+$/.test(cookie[name])) {
      throw new AuthConfigurationError(`cookie.${name} must begin with '__Host-', such as '__Host-refresh_token'.`);
    }
  }
  if (cookie.name === cookie.clientNonceName) {
    throw new AuthConfigurationError(
      'cookie.name and cookie.clientNonceName are the same. Two secrets take two cookies.',
    );
  }
  checkedOrigins('cookie.allowedOrigins', texts('cookie.allowedOrigins', cookie.allowedOrigins, 'https://app.example'));
  return cookie;
}
