/**
 * The user of an access token: `request.user`, and the value of `@CurrentUser()`.
 *
 * @example
 * @Get('orders')
 * orders(@CurrentUser() user: AuthenticatedUser<{ tenant_id: string }>) {
 *   return this.orders.of(user.claims.tenant_id);
 * }
 */
export interface AuthenticatedUser<Claims extends object = Record<string, unknown>> {
  readonly id: string;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
  readonly sessionId: string;
  /** The `client_id` that the client gave at its login. Nothing proves it. */
  readonly clientId: string;
  /** The granted scopes, space-separated. */
  readonly scope: string;
  /**
   * The generation of the session when the token was minted, or its access floor if that was higher. It is compared with
   * the floors of the revocation list.
   */
  readonly generation: number;
  /** When the token expires; seconds since the Unix epoch. */
  readonly expiresAt: number;
  /** When the user last authenticated, at login or by step-up; seconds since the Unix epoch. */
  readonly authTime: number;
  /** How the user authenticated then, for example `['pwd', 'otp']` (RFC 8176). Empty if nobody said. */
  readonly amr: readonly string[];
  /** The class of that authentication, for example `'aal2'`, if somebody said. */
  readonly acr?: string;
  /** The administrator who acts as this user (RFC 8693 §4.1), if the session is impersonated. */
  readonly actor?: { readonly id: string };
  /** The claims that your user provider returned at the latest login or refresh. */
  readonly claims: Readonly<Claims>;
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
  /** The issuer: the option `accessToken.issuer`. */
  iss: string;
  /** The audience: the option `accessToken.audience`. */
  aud: string;
  /** The id of the user. */
  sub: string;
  /** The `client_id` of the login. */
  client_id: string;
  /** When the token was issued; seconds since the Unix epoch. */
  iat: number;
  /** When it expires; seconds since the Unix epoch. */
  exp: number;
  /** The id of the token. */
  jti: string;
  /** When the user last authenticated, at login or by stepping up; seconds since the Unix epoch. */
  auth_time: number;
  /** How the user authenticated then (RFC 8176). */
  amr?: string[];
  /** The class of that authentication (RFC 9068 §2.2.1). */
  acr?: string;
  /** Who acts as the user, if the session is impersonated: `sub` is the id of the administrator (RFC 8693 §4.1). */
  act?: { readonly sub: string };
  /** The id of the session. */
  sid: string;
  /** The generation of the session, or its access floor if that is higher. */
  gen: number;
  /** The granted scopes, space-separated. */
  scope: string;
  /** The roles of the user. */
  roles: string[];
  /** The permissions of the user. */
  permissions: string[];
  /** What the token is bound to, if anything: `jkt` for a key, `x5t#S256` for a certificate, `nonce#S256` for a cookie (RFC 7800). */
  cnf?: Confirmation;
}
