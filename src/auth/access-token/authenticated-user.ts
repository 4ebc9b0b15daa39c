/** The user of an access token: `request.user`, and the value of `@CurrentUser()`. */
export interface AuthenticatedUser {
  readonly id: string;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
  readonly sessionId: string;
  readonly clientId: string;
  /** Space-separated. */
  readonly scope: string;
  /** The generation of the session when the token was minted. */
  readonly generation: number;
  /** When the token expires; seconds since the Unix epoch. */
  readonly expiresAt: number;
  /** When the user last authenticated, at login or by step-up; seconds since the Unix epoch. */
  readonly authTime: number;
  /** The binding of the token, if any. The guard has checked that the client holds it. */
  readonly confirmation?: Confirmation;
}

/**
 * The binding of a token (the claim `cnf`, RFC 7800): a key (RFC 9449 §6.1), a client certificate (RFC 8705 §3.1), or
 * the client nonce in a cookie.
 */
export interface Confirmation {
  readonly jkt?: string;
  readonly 'x5t#S256'?: string;
  readonly 'nonce#S256'?: string;
}

/** The claims of an access token (RFC 9068 §2.2), with `sid`, `gen`, `roles` and `permissions`. */
export interface AccessTokenClaims {
  iss: string;
  aud: string;
  sub: string;
  client_id: string;
  iat: number;
  exp: number;
  jti: string;
  auth_time: number;
  sid: string;
  gen: number;
  scope: string;
  roles: string[];
  permissions: string[];
  cnf?: Confirmation;
}
