import type { SessionLabels } from './session-details.js';

/**
 * What a sign-in decides about its session: how long it lives, and how the user has authenticated. Omitted times get the
 * values of the client in `refreshToken.clients`, or else those of the module. A time that is longer than the module's is
 * shortened to it: `refreshToken.ttl`, `refreshToken.idleTtl` and `accessToken.ttl` are the bounds.
 *
 * @example
 * const terms: SessionTerms = { ttl: '12h', idleTtl: '1h', persistent: false, amr: ['pwd', 'otp'], acr: 'aal2' };
 */
export interface SessionTerms extends SessionLabels {
  /** How long the session lives after its login: `'1s'` to `'400d'`. No refresh extends it. */
  ttl?: string;
  /** How long it lives without a refresh: `'1s'` to `'400d'`. */
  idleTtl?: string;
  /** How long its access tokens live: `'1s'` to `'24h'`. */
  accessTokenTtl?: string;
  /** With `false`, the cookie has no `Max-Age`: the browser forgets it when it closes. `true` is "remember me". */
  persistent?: boolean;
  /**
   * The methods of the authentication, for example `['pwd', 'otp']` (RFC 8176). Together at most 255 characters, none with
   * spaces.
   */
  amr?: string[];
  /** The class of the authentication, for example `'aal2'` (RFC 9470). At most 255 visible ASCII characters. */
  acr?: string;
}

/** The terms that a client can have, too. */
export type SessionLifetimes = Pick<SessionTerms, 'ttl' | 'idleTtl' | 'accessTokenTtl' | 'persistent'>;

/**
 * NIST SP 800-63B-4 §2.1.3, authenticator assurance level 1: users authenticate again after 30 days.
 *
 * @example
 * AuthModule.forRoot({ ...authOptions, refreshToken: { ...AAL1 } });
 */
export const AAL1 = { ttl: '30d', idleTtl: '30d' } as const satisfies SessionLifetimes;

/**
 * NIST SP 800-63B-4 §2.2.3, level 2: after 24 hours, or an hour without activity. For an application, or for one sign-in.
 *
 * @example
 * AuthModule.forRoot({ ...authOptions, refreshToken: { ...AAL2 } });
 */
export const AAL2 = { ttl: '24h', idleTtl: '1h' } as const satisfies SessionLifetimes;

/**
 * NIST SP 800-63B-4 §2.3.3, level 3: after 12 hours, or 15 minutes without activity.
 *
 * @example
 * await refreshTokens.issue(user, { ...AAL3, acr: 'aal3', amr: ['hwk', 'pin'] }, clientContextOf(request));
 */
export const AAL3 = { ttl: '12h', idleTtl: '15m' } as const satisfies SessionLifetimes;
