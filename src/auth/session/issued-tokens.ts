import type { AuthenticationScheme } from '../common/errors/auth-error.js';
import type { Transport } from './session-options.js';

/** The result of a login or a refresh. */
export interface IssuedTokens {
  readonly accessToken: string;
  /** `DPoP` if the session is bound to a key (RFC 9449 §5), else `Bearer`. */
  readonly tokenType: AuthenticationScheme;
  /** Lifetime of the access token, in seconds. */
  readonly expiresIn: number;
  /** Space-separated. */
  readonly scope: string;
  readonly sessionId: string;
  /** The generation of the refresh token: 0 at login, one more after each refresh. */
  readonly generation: number;
  readonly refreshToken: string;
  /** How the client receives the refresh token: in the body or in a cookie. */
  readonly transport: Transport;
  /** When the refresh token expires if it is not used, in milliseconds since the Unix epoch. */
  readonly refreshTokenExpiresAt: number;
  /** Whether a browser keeps the cookie when it closes. */
  readonly persistent: boolean;
  /**
   * The client nonce, if the session is bound to one. The client receives it at login and sends it with each refresh.
   */
  readonly clientNonce?: string;
}

/** A session as its user sees it. Times are milliseconds since the Unix epoch. */
export interface SessionSummary {
  readonly id: string;
  readonly clientId: string;
  readonly deviceName: string | null;
  /** Empty if nobody has set any. */
  readonly tags: readonly string[];
  /** Empty if nobody has set any. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The administrator who acts as the user in this session; `null` if the user began it. */
  readonly actor: { readonly id: string; readonly name: string | null } | null;
  readonly userAgent: string | null;
  readonly ip: string | null;
  readonly country: string | null;
  readonly createdAt: number;
  /** The time of the last refresh or login, rounded down to five minutes, but not before `createdAt`. */
  readonly lastUsedAt: number;
  readonly expiresAt: number;
}
