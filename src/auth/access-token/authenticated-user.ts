/** The user as their access token shows them: `request.user`, and what `@CurrentUser()` gives. */
export interface AuthenticatedUser {
  readonly id: string;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
  readonly sessionId: string;
  readonly clientId: string;
  /** Space-separated. */
  readonly scope: string;
  /** The session's generation when the token was minted. */
  readonly generation: number;
  /** When the token expires; seconds since the Unix epoch. */
  readonly expiresAt: number;
  /** When the user last authenticated, at login or by stepping up; seconds since the Unix epoch. */
  readonly authTime: number;
  /** What the token is bound to, if anything. That its bearer holds it has been checked. */
  readonly confirmation?: Confirmation;
}

/**
 * What a token is bound to (the claim `cnf`, RFC 7800): a key (RFC 9449 §6.1), a client certificate (RFC 8705 §3.1), the client
 * nonce in a cookie.
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
