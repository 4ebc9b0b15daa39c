import { HttpException, Inject, Injectable } from '@nestjs/common';
import { AuthError } from '../common/errors/auth-error.js';
import { isInContext } from '../common/time/async-context.js';
import { batchCalls } from '../common/time/batch-calls.js';
import { withTimeout } from '../common/time/with-timeout.js';
import { traced } from '../common/tracing/traced.js';
import { checkedId, checkedUser, checkedUserOrNull, typeOf, wrongUser } from './checked-user.js';
import { rememberLateCheck } from './late-checks.js';
import { type CheckRequest, type PasswordChecks, passwordChecksOf } from './password-checks.js';
import { UserProviderConfig } from './user-options.js';
import { checkedFirstFactor } from './checked-first-factor.js';
import {
  type AuthUser,
  type ContinuedSignIn,
  type MfaRequired,
  type ReauthenticatedSession,
  type SignedInUser,
  USER_PROVIDER,
  type UserProvider,
} from './user-provider.js';

/** With `loginDto` and `stepUpDto`, the host says what its methods take. */
type HostUserProvider = UserProvider<Record<string, unknown>, unknown[], unknown, unknown>;

/** In units of `userProviderTimeout`. A check that takes longer may never settle, and loses its place to others. */
const LONGEST_CHECK = 10;

/**
 * Wraps the host's user provider: with a timeout, with a limit of password checks, and with a check of every user that it
 * returns. If a method throws or takes too long, the request fails with `temporarily_unavailable`. An `HttpException` of
 * the host is passed on.
 */
@Injectable()
export class BoundedUserProvider {
  private readonly checks: PasswordChecks;
  private readonly loadTogether: ((id: string) => Promise<Loading>) | undefined;

  constructor(
    @Inject(USER_PROVIDER) private readonly users: HostUserProvider,
    private readonly config: UserProviderConfig,
  ) {
    this.checks = passwordChecksOf(config.concurrentPasswordChecks);
    if (typeof users.loadUsers !== 'function') return;
    this.loadTogether = batchCalls(async (ids) => this.loadEach(ids));
  }

  /** @throws AuthError `temporarily_unavailable`, overloaded, if too many checks are under way */
  async validateCredentials(
    credentials: readonly unknown[],
    request: CheckRequest,
  ): Promise<SignedInUser | MfaRequired | null> {
    const check = () => this.users.validateCredentials(...credentials);
    const given = await this.checked('validateCredentials', check, request);
    return checkedFirstFactor(this.sourceOf('validateCredentials'), given, this.canContinueSignIn);
  }

  /** @throws AuthError `temporarily_unavailable`, overloaded, if too many checks are under way */
  async continueSignIn(
    id: string,
    secondFactor: unknown,
    signIn: ContinuedSignIn,
    request: CheckRequest,
  ): Promise<SignedInUser | null> {
    const check = () => this.users.continueSignIn!(id, secondFactor, signIn);
    const given = await this.checked('continueSignIn', check, request);
    return checkedUserOrNull(this.sourceOf('continueSignIn'), given, id);
  }

  get canContinueSignIn(): boolean {
    return typeof this.users.continueSignIn === 'function';
  }

  async loadUser(id: string): Promise<AuthUser | null> {
    const { loadTogether } = this;
    if (loadTogether) {
      // What the host reads in its context belongs to one request, for example its tenant.
      const load = async () => (isInContext() ? this.loadAlone(id) : (await loadTogether(id)).user);
      return this.bounded('loadUsers', load);
    }
    const given = await this.bounded('loadUser', () => this.users.loadUser(id));
    return checkedUserOrNull(this.sourceOf('loadUser'), given, id);
  }

  /**
   * @throws AuthError `forbidden` if the user provider has no `reauthenticate`
   * @throws AuthError `temporarily_unavailable`, overloaded, if too many checks are under way
   */
  async reauthenticate(
    id: string,
    proof: unknown,
    session: ReauthenticatedSession,
    request: CheckRequest,
  ): Promise<SignedInUser | null> {
    if (!this.canReauthenticate)
      throw new AuthError('forbidden', 'This server does not support step-up. Sign in again instead.');
    const given = await this.checked('reauthenticate', () => this.users.reauthenticate!(id, proof, session), request);
    return checkedUserOrNull(this.sourceOf('reauthenticate'), given, id);
  }

  get canReauthenticate(): boolean {
    return typeof this.users.reauthenticate === 'function';
  }

  /** If users cannot be loaded together, each is loaded alone: the fault may lie in another one. */
  private loadEach(ids: readonly string[]): Loading[] {
    const asked = [...new Set(ids)];
    const all = this.loadAll(asked);
    const isShared = asked.length > 1;
    return ids.map((id) => {
      const ofAll = all.then((users) => users.get(id) ?? null);
      const user = (isShared ? this.orAlone(id, ofAll) : ofAll).then(userOrThrow);
      // The caller that waits gets the error.
      user.catch(() => undefined);
      return { user };
    });
  }

  /** A shared call may hang. So after half of the time the user is loaded alone as well, and the first answer counts. */
  private async orAlone(id: string, shared: Promise<AuthUser | null | Error>): Promise<AuthUser | null | Error> {
    try {
      return await withTimeout(this.config.userProviderTimeout / 2, 'loadUsers', shared);
    } catch {
      const alone = this.loadAlone(id);
      return Promise.any([shared, alone]).catch(() => alone);
    }
  }

  private async loadAlone(id: string): Promise<AuthUser | null> {
    return userOrThrow((await this.loadAll([id])).get(id) ?? null);
  }

  /** The users that exist. A user with a wrong field is an error. An entry without a valid id rejects the whole call. */
  private async loadAll(asked: readonly string[]): Promise<Map<string, AuthUser | Error>> {
    const source = this.sourceOf('loadUsers');
    const given: unknown = await this.users.loadUsers!(asked);
    if (!Array.isArray(given)) {
      throw wrongUser(source, `the result is ${typeOf(given)}. It must be an array of the users that exist.`);
    }
    const users = new Map<string, AuthUser | Error>();
    // A user who is not found loses the session, so a mismatched id is never guessed.
    for (const entry of given as readonly unknown[]) {
      const id = checkedId(source, entry);
      if (!asked.includes(id)) throw wrongUser(source, 'the id of a user was not among the ids that were asked for.');
      if (users.has(id)) throw wrongUser(source, 'the result has the same user twice.');
      users.set(id, checkedOrError(source, entry, id));
    }
    return users;
  }

  private sourceOf(method: keyof UserProvider): string {
    const { name } = this.users.constructor ?? {};
    return `${!name || name === 'Object' ? 'userProvider' : name}.${method}`;
  }

  private async checked<T>(name: keyof UserProvider, check: () => Promise<T>, request: CheckRequest): Promise<T> {
    const { userProviderTimeout: timeout } = this.config;
    const asked = performance.now();
    const leave = await this.checks.enter(request, timeout / 2);
    const left = timeout - (performance.now() - asked);
    let underWay: Promise<T> | undefined;
    const begin = () =>
      (underWay = this.untilSettled(check).finally(() => {
        underWay = undefined;
        leave();
      }));
    try {
      return await this.bounded(name, begin, left);
    } catch (error) {
      if (underWay) rememberLateCheck(error, underWay.then(Boolean));
      throw error;
    }
  }

  /** A check keeps its place after a timeout has been answered, because hashing goes on. But not if it never settles. */
  private async untilSettled<T>(check: () => Promise<T>): Promise<T> {
    let longest: NodeJS.Timeout | undefined;
    const lost = new Promise<never>((_, reject) => {
      const lose = () => reject(new Error('A password check did not settle'));
      longest = setTimeout(lose, this.config.userProviderTimeout * LONGEST_CHECK).unref();
    });
    try {
      return await Promise.race([check(), lost]);
    } finally {
      clearTimeout(longest);
    }
  }

  private async bounded<T>(
    name: keyof UserProvider,
    call: () => Promise<T>,
    timeout = this.config.userProviderTimeout,
  ): Promise<T> {
    try {
      return await traced(`nrt.user_provider.${name}`, () => withTimeout(timeout, name, call()));
    } catch (cause) {
      if (cause instanceof HttpException) throw cause;
      throw new AuthError('temporarily_unavailable', undefined, { cause });
    }
  }
}

/** A user that is being loaded together with others. */
interface Loading {
  readonly user: Promise<AuthUser | null>;
}

function userOrThrow(user: AuthUser | null | Error): AuthUser | null {
  if (user instanceof Error) throw user;
  return user;
}

function checkedOrError(source: string, entry: unknown, id: string): AuthUser | Error {
  try {
    return checkedUser(source, entry, id);
  } catch (error) {
    return error as Error;
  }
}
