/** A user of the host application, as its access tokens show them. */
export interface AuthUser {
  /** At most 255 characters; never changes. */
  id: string;
  roles: string[];
  permissions?: string[];
  /**
   * Changes whenever the user's credentials do, such as a hash of the password's hash. With it, a password that is changed
   * while a sign-in is under way is noticed without verifying the password twice. It never leaves the server.
   */
  credentialsVersion?: string;
}

/**
 * What the host application provides. Its methods may be slow or fail: the request is then answered with 503, and
 * nothing is consumed.
 *
 * @example
 * @Injectable()
 * export class UsersService implements UserProvider {
 *   async validateCredentials(username: string, password: string) {
 *     const user = await this.users.findOneBy({ username });
 *     // Verify against some hash for unknown users too, so that they take as long.
 *     const right = await argon2.verify(user?.passwordHash ?? DECOY_HASH, password);
 *     return user && right && !user.disabled ? user : null;
 *   }
 *
 *   async loadUser(id: string) {
 *     const user = await this.users.findOneBy({ id });
 *     return user && !user.disabled ? user : null;
 *   }
 * }
 */
export interface UserProvider {
  /** The user with these credentials; `null` for all others, the disabled among them. */
  validateCredentials(username: string, password: string): Promise<AuthUser | null>;
  /** The user as they are now, at each refresh; `null` if unknown or disabled, which ends the session. */
  loadUser(id: string): Promise<AuthUser | null>;
  /**
   * Those of these users, at most 16, who are neither unknown nor disabled, in any order. Optional: where it is there, it is
   * asked instead of `loadUser`, once for all refreshes that happen at the same moment: not for a provider that depends on the
   * request, such as on its tenant. Their ids must be exactly those that were asked for.
   */
  loadUsers?(ids: readonly string[]): Promise<AuthUser[]>;
  /**
   * For `POST /auth/step-up`: the user as they are now, if this is their password; else `null`. Needed where a rule says
   * `step_up` or a route asks for `@StepUp()`.
   */
  reauthenticate?(id: string, password: string): Promise<AuthUser | null>;
}

/** The injection token of the host's {@link UserProvider}. */
export const USER_PROVIDER = Symbol('USER_PROVIDER');
