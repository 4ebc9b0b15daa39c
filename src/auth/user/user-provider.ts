/** A user of your application, as access tokens show them. */
export interface AuthUser {
  /** At most 255 characters; never changes. */
  id: string;
  roles: string[];
  permissions?: string[];
  /**
   * A value that changes with the credentials of the user, for example a hash of the password's hash. With it, a login notices a password
   * change that happens at the same time, without verifying the password twice. It never leaves the server.
   */
  credentialsVersion?: string;
}

/**
 * Implement this for your users. If a method fails or is slow, the request is answered with 503, and nothing is consumed.
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
  /** The user with these credentials; `null` if they are wrong or the user is disabled. */
  validateCredentials(username: string, password: string): Promise<AuthUser | null>;
  /** The user as they are now. It is called at each refresh. `null` (unknown or disabled) ends the session. */
  loadUser(id: string): Promise<AuthUser | null>;
  /**
   * Optional: the known and enabled users with these ids, in any order. If it exists, it is called instead of `loadUser`, once for all
   * refreshes of the same moment, with at most 16 ids. The returned ids are exactly those of the argument. Do not implement it if your
   * provider depends on the request, for example on its tenant.
   */
  loadUsers?(ids: readonly string[]): Promise<AuthUser[]>;
  /**
   * Optional: for `POST /auth/step-up`. Returns the user as they are now if the password is right, otherwise `null`. It is required if a
   * risk rule says `step_up` or a route has `@StepUp()`.
   */
  reauthenticate?(id: string, password: string): Promise<AuthUser | null>;
}

/** The injection token of your {@link UserProvider}. */
export const USER_PROVIDER = Symbol('USER_PROVIDER');
