import type { SessionTerms } from '../session/session-terms.js';

/**
 * A user of the host application. Access tokens carry the id, roles, permissions and claims. These fields are checked
 * whenever you return or give a user; other fields are ignored.
 *
 * @example
 * const user: AuthUser<{ tenant_id: string }> = { id: '42', roles: ['user'], claims: { tenant_id: 'acme' } };
 */
export interface AuthUser<Claims extends object = Record<string, unknown>> {
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
  /**
   * Further claims of the access token, for example `{ tenant_id: 'acme' }`: values of JSON, under names that the token does
   * not use itself. Clients can read them. They are read again at each refresh. Guards put them into `user.claims`.
   *
   * @see RFC 7519 §4
   */
  claims?: Claims;
}

/**
 * A user who has just authenticated. `sessionTerms` says how, and how long the session lives.
 *
 * @example
 * return { id: user.id, roles: user.roles, sessionTerms: { amr: ['pwd', 'otp'], acr: 'aal2', ttl: '12h' } };
 */
export interface SignedInUser<Claims extends object = Record<string, unknown>> extends AuthUser<Claims> {
  /**
   * After a password, `amr` is `['pwd']` by default, but not with `loginDto`. After a step-up only `amr` and `acr` count.
   * They replace what the session knew.
   */
  sessionTerms?: SessionTerms;
}

/**
 * A user whose first factor was right, and who needs a second one. `methods` tells the client what the user can prove: one to
 * 16 names without spaces, of at most 64 characters.
 *
 * @example
 * if (user.totpSecret) return { mfaRequired: { user, methods: ['otp'] } };
 */
export interface MfaRequired<Claims extends object = Record<string, unknown>> {
  mfaRequired: {
    /** As at a sign-in without a second factor. Its `sessionTerms` count, unless the second step replaces them. */
    user: SignedInUser<Claims>;
    methods: string[];
  };
}

/** Only a provider that names the type of its second factor may ask for one. */
type OrMore<Claims extends object, SecondFactor> = [SecondFactor] extends [never] ? never : MfaRequired<Claims>;

/** A sign-in between its two steps. `amr` are the methods of the first one. */
export interface ContinuedSignIn {
  /** As your `validateCredentials` named them. */
  readonly methods: readonly string[];
  readonly amr: readonly string[];
  readonly clientId?: string;
}

/** The session in which a user authenticates again. `amr` and `acr` are those of the latest authentication. */
export interface ReauthenticatedSession {
  readonly sessionId: string;
  readonly clientId: string;
  readonly amr: readonly string[];
  readonly acr?: string;
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
 * `Claims` is the type of the users' claims, `Credentials` what `validateCredentials` takes, `Proof` what
 * `reauthenticate` takes, and `SecondFactor` what `continueSignIn` takes.
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
export interface UserProvider<
  Claims extends object = Record<string, unknown>,
  Credentials extends unknown[] = [username: string, password: string],
  Proof = string,
  SecondFactor = never,
> {
  /**
   * Returns the user with these credentials; `null` for wrong credentials and for disabled users. With `loginDto`, it gets
   * the whole body of the login instead of a username and a password, once for each login. Without `loginDto`, a user
   * without `credentialsVersion` is asked for twice.
   */
  validateCredentials(...credentials: Credentials): Promise<SignedInUser<Claims> | OrMore<Claims, SecondFactor> | null>;
  /**
   * Returns the current state of the user if the second factor is right; `null` otherwise. `POST /auth/login/continue` calls
   * it with an instance of `mfaDto`. Needed if `validateCredentials` returns `mfaRequired`. A one-time password must be good
   * once: remember the last one that you have accepted (RFC 6238 §5.2). The `amr` of both steps are put together.
   */
  continueSignIn?(
    id: string,
    secondFactor: SecondFactor,
    signIn: ContinuedSignIn,
  ): Promise<SignedInUser<Claims> | null>;
  /**
   * Returns the current state of the user. Called at each refresh. `null` if the user is unknown or disabled: that ends
   * the session.
   */
  loadUser(id: string): Promise<AuthUser<Claims> | null>;
  /**
   * Returns the users with these ids (at most 16) in any order, without unknown and disabled users. It must not return
   * other ids. Optional. If it exists, it replaces `loadUser`: the library calls it once for all refreshes that arrive
   * at the same moment. If that fails, it is called for each user alone. A request with a value in an `AsyncLocalStorage`,
   * for example its tenant, is always alone.
   */
  loadUsers?(ids: readonly string[]): Promise<AuthUser<Claims>[]>;
  /**
   * Returns the current state of the user if the proof is right; `null` otherwise. `POST /auth/step-up` calls it with the
   * password. With `stepUpDto`, it gets the whole body: for example a one-time password, or the assertion of a passkey.
   * Needed if a risk rule answers `step_up` or a route uses `@StepUp()`.
   */
  reauthenticate?(id: string, proof: Proof, session: ReauthenticatedSession): Promise<SignedInUser<Claims> | null>;
}

/** Any {@link UserProvider}, whatever its claims, credentials and proofs are. */
export type AnyUserProvider = UserProvider<object, never, never, unknown>;

/** The injection token of your {@link UserProvider}. */
export const USER_PROVIDER = Symbol('USER_PROVIDER');
