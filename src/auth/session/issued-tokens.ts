import type { AuthenticationScheme } from '../common/errors/auth-error.js';
import type { Transport } from './session-options.js';

/** What a login or a refresh yields. */
export interface IssuedTokens {
  readonly accessToken: string;
  /** `DPoP` where the session is bound to a key (RFC 9449 §5). */
  readonly tokenType: AuthenticationScheme;
  /** Seconds that the access token lives. */
  readonly expiresIn: number;
  /** Space-separated. */
  readonly scope: string;
  readonly sessionId: string;
  readonly refreshToken: string;
  /** How the refresh token is to travel. */
  readonly transport: Transport;
  /** When the refresh token dies if it is not used, in milliseconds since the Unix epoch. */
  readonly refreshTokenExpiresAt: number;
  /** Where the session is bound to one: given at login, brought at each refresh. */
  readonly clientNonce?: string;
}

/** A session as its user sees it. Times are milliseconds since the Unix epoch. */
export interface SessionSummary {
  readonly id: string;
  readonly clientId: string;
  readonly deviceName: string | null;
  readonly userAgent: string | null;
  readonly ip: string | null;
  readonly country: string | null;
  readonly createdAt: number;
  readonly lastUsedAt: number;
  readonly expiresAt: number;
}
