import { AccessTokenConfig, type AccessTokenOptions } from './access-token/access-token-options.js';
import { AlertConfig, type AlertOptions } from './alerts/alert-options.js';
import { AuditConfig, type AuditOptions } from './audit/audit-options.js';
import { BindingConfig, type BindingOptions } from './binding/binding-options.js';
import type { SecretOption } from './common/crypto/secret-option.js';
import { DatabaseConfig, type DatabaseOptions } from './common/database/auth-database.js';
import { assertKnown } from './common/options/checks.js';
import { configProvider } from './common/options/config.js';
import { TlsConfig, type TlsOptions } from './common/request/tls.js';
import { CookieConfig, type CookieOptions } from './cookie/cookie-options.js';
import { PassportConfig, type PassportOptions } from './guards/passport-options.js';
import { ShutdownConfig, type ShutdownOptions } from './http/shutdown-options.js';
import { RevocationConfig, type RevocationOptions } from './revocation/revocation-options.js';
import { RiskConfig, type RiskOptions } from './risk/risk-options.js';
import {
  PurgeConfig,
  type PurgeOptions,
  RefreshTokenConfig,
  type RefreshTokenOptions,
} from './session/session-options.js';
import { MfaConfig, type MfaOptions } from './sign-in/mfa-options.js';
import { UserProviderConfig, type UserProviderOptions } from './user/user-options.js';

/**
 * The options of `AuthModule.forRoot`. Only `secret` is required. A duration is a number and a unit, for example
 * `'15m'`.
 *
 * @example
 * AuthModule.forRoot({ …, secret: process.env.AUTH_SECRET!, accessToken: { ttl: '10m' } })
 */
export interface AuthModuleOptions extends Partial<UserProviderOptions>, Partial<DatabaseOptions>, Partial<TlsOptions> {
  /**
   * At least 32 random bytes: a string, a `Uint8Array`, or a list of them. Every key is derived from them (HKDF, RFC
   * 5869). With a list, the first secret makes new tokens and the others verify older ones. A string counts as its
   * UTF-8 bytes. White space at its ends is refused, also if a file was read as bytes: add `.trim()`. Make one with
   * `openssl rand -base64 48`.
   */
  secret: SecretOption;
  /** The options of access tokens. */
  accessToken?: Partial<AccessTokenOptions>;
  /** The options of refresh tokens and sessions. */
  refreshToken?: Partial<RefreshTokenOptions>;
  /** The options of the cookies. */
  cookie?: Partial<CookieOptions>;
  /** When dead sessions are removed from the table. */
  purge?: Partial<PurgeOptions>;
  /** How soon a revocation takes effect. */
  revocation?: Partial<RevocationOptions>;
  /** What sessions can be bound to. */
  binding?: Partial<BindingOptions>;
  /** The rules that judge sign-ins and refreshes. */
  risk?: Partial<RiskOptions>;
  /** The table of events. */
  audit?: Partial<AuditOptions>;
  /** When to raise alerts. */
  alerts?: Partial<AlertOptions>;
  /** The names of the Passport strategies. */
  passport?: Partial<PassportOptions>;
  /** The second step of a sign-in. */
  mfa?: Partial<MfaOptions>;
  /** How the application stops. */
  shutdown?: Partial<ShutdownOptions>;
}

/** Implement it in the class that you give to `AuthModule.forRootAsync({ useClass })` or `({ useExisting })`. */
export interface AuthOptionsFactory {
  createAuthOptions(): AuthModuleOptions | Promise<AuthModuleOptions>;
}

/** The options of all concepts, as each declares them. */
export const CONFIGS = [
  AccessTokenConfig,
  RefreshTokenConfig,
  CookieConfig,
  PurgeConfig,
  RevocationConfig,
  BindingConfig,
  RiskConfig,
  AuditConfig,
  AlertConfig,
  PassportConfig,
  ShutdownConfig,
  UserProviderConfig,
  MfaConfig,
  DatabaseConfig,
  TlsConfig,
];

/** Each concept injects its own config. */
export const configProviders = CONFIGS.map(configProvider);

/** @throws AuthConfigurationError for an unknown option */
export function checkedOptions(options: AuthModuleOptions): AuthModuleOptions {
  const names = CONFIGS.flatMap(({ group, names }) => (group === '' ? names : [group]));
  assertKnown('the options', options, ['secret', ...names]);
  return options ?? {};
}
