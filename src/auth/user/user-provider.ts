/** A user of the host application. Access tokens carry the id, roles and permissions. */
export interface AuthUser {
  /** At most 255 characters. It must never change. */
  id: string;
  roles: string[];
  permissions?: string[];
  /**
   * A value that changes whenever the user's credentials change, for example a hash of the password hash. With it, the
   * library notices a password change during a sign-in without verifying the password twice. It never leaves the
   * server.
   */
  credentialsVersion?: string;
}

/**
 * The interface to the users of the host application. If a method fails or takes too long, the request is answered with
 * 503, and the refresh token remains valid.
 *
 * @example
 * @Injectable()
 * export class UsersService implements UserProvider {
 *   async validateCredentials(username: string, password: string) {
 *     const user = await this.users.findOneBy({ username });
 *     // Unknown users are checked against some hash too, so that they take as long as known ones.
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
  /** Returns the user with these credentials; `null` for wrong credentials and for disabled users. */
  validateCredentials(username: string, password: string): Promise<AuthUser | null>;
  /**
   * Returns the current state of the user. Called at each refresh. `null` if the user is unknown or disabled: that ends
   * the session.
   */
  loadUser(id: string): Promise<AuthUser | null>;
  /**
   * Returns the users with these ids (at most 16) in any order, without unknown and disabled users. It must not return
   * other ids. Optional. If it exists, it replaces `loadUser`: the library calls it once for all refreshes that arrive
   * at the same moment. So do not implement it if the result depends on the request, for example on its tenant.
   */
  loadUsers?(ids: readonly string[]): Promise<AuthUser[]>;
  /**
   * Returns the current state of the user if the password is correct; `null` otherwise. `POST /auth/step-up` calls it.
   * Needed if a risk rule answers `step_up` or a route uses `@StepUp()`.
   */
  reauthenticate?(id: string, password: string): Promise<AuthUser | null>;
}

/** The injection token of your {@link UserProvider}. */
export const USER_PROVIDER = Symbol('USER_PROVIDER');
