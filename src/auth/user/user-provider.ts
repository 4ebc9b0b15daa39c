/**
 * A user of the host application. Access tokens carry the id, roles and permissions. These fields are checked whenever
 * you return or give a user; other fields are ignored.
 */
export interface AuthUser {
  /** A string of 1 to 255 characters, without control characters. It must never change. */
  id: string;
  /** An array of strings, at most as long as a header of Node.js can carry: about 12,000 bytes with `permissions`. */
  roles: string[];
  /** An array of strings. Leave it out if you have none. */
  permissions?: string[];
  /**
   * A value that changes whenever the user's credentials change, and only then: for example a counter, or the time of the
   * last change as text. A hash of the password hash will do unless you rehash passwords at login: that would end sessions.
   * A session whose user has a new version ends at its next refresh. So a sign-in with the old password that was under
   * way during the change does not last. `null` is a version, too. Omit it from all methods, or return it from all. It
   * never leaves the server: the session stores a keyed hash of it.
   */
  credentialsVersion?: string | number | null;
}

/**
 * The interface to the users of the host application.
 *
 * - If a method throws or takes too long, the request is answered with 503, and the refresh token remains valid.
 * - An `HttpException` that a method throws keeps its status. The refresh token remains valid then, too.
 * - If a field of a user has a wrong type, the answer is 500 `server_error`, and the refresh token remains valid. The log
 *   names the method and the field, never a value.
 * - `null` says that there is no such user. So do `undefined` and `false`.
 *
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
   * at the same moment. If that fails, it is called for each user alone. A request with a value in an `AsyncLocalStorage`,
   * for example its tenant, is always alone.
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
