import { HttpException, Inject, Injectable } from '@nestjs/common';
import { AuthError } from '../common/errors/auth-error.js';
import { batchCalls } from '../common/time/batch-calls.js';
import { withTimeout } from '../common/time/with-timeout.js';
import { traced } from '../common/tracing/traced.js';
import { checkedId, checkedUser, checkedUserOrNull, typeOf, wrongUser } from './checked-user.js';
import { UserProviderConfig } from './user-options.js';
import { type AuthUser, USER_PROVIDER, type UserProvider } from './user-provider.js';

/** `loadUsers` failed for several users together. */
class BatchFailed extends Error {}

/**
 * Wraps the host's user provider: with a timeout, and with a check of every user that it returns. If a method throws or
 * takes too long, the request fails with `temporarily_unavailable`. An `HttpException` of the host is passed on.
 */
@Injectable()
export class BoundedUserProvider implements UserProvider {
  private readonly loadTogether: ((id: string) => Promise<AuthUser | null>) | undefined;

  constructor(
    @Inject(USER_PROVIDER) private readonly users: UserProvider,
    private readonly config: UserProviderConfig,
  ) {
    if (typeof users.loadUsers !== 'function') return;
    this.loadTogether = batchCalls((ids) => this.loadBatch(ids));
  }

  async validateCredentials(username: string, password: string): Promise<AuthUser | null> {
    const given = await this.bounded('validateCredentials', () => this.users.validateCredentials(username, password));
    return checkedUserOrNull(this.sourceOf('validateCredentials'), given);
  }

  async loadUser(id: string): Promise<AuthUser | null> {
    if (this.loadTogether) return this.bounded('loadUsers', () => this.loadTogetherOrAlone(id));
    const given = await this.bounded('loadUser', () => this.users.loadUser(id));
    return checkedUserOrNull(this.sourceOf('loadUser'), given, id);
  }

  /** @throws AuthError `forbidden` if the user provider has no `reauthenticate` */
  async reauthenticate(id: string, password: string): Promise<AuthUser | null> {
    if (!this.canReauthenticate)
      throw new AuthError('forbidden', 'This server does not support step-up. Sign in again instead.');
    const given = await this.bounded('reauthenticate', () => this.users.reauthenticate!(id, password));
    return checkedUserOrNull(this.sourceOf('reauthenticate'), given, id);
  }

  get canReauthenticate(): boolean {
    return typeof this.users.reauthenticate === 'function';
  }

  /** If users cannot be loaded together, each is loaded alone: the fault may lie in another one. */
  private async loadTogetherOrAlone(id: string): Promise<AuthUser | null> {
    try {
      return await this.loadTogether!(id);
    } catch (error) {
      if (!(error instanceof BatchFailed)) throw error;
    }
    const user = (await this.loadAll([id])).get(id) ?? null;
    if (user instanceof Error) throw user;
    return user;
  }

  private async loadBatch(ids: readonly string[]): Promise<(AuthUser | null | Error)[]> {
    const asked = [...new Set(ids)];
    const loading = this.loadAll(asked);
    const users = await (asked.length === 1 ? loading : this.loadShared(loading));
    return ids.map((id) => users.get(id) ?? null);
  }

  /** A call that hangs must leave its callers the time to load each user alone. */
  private async loadShared<T>(loading: Promise<T>): Promise<T> {
    try {
      return await withTimeout(this.config.userProviderTimeout / 2, 'loadUsers', loading);
    } catch {
      throw new BatchFailed();
    }
  }

  /** The users that exist. A user with a wrong field is an error. An entry without a valid id rejects the whole call. */
  private async loadAll(asked: readonly string[]): Promise<Map<string, AuthUser | Error>> {
    const source = this.sourceOf('loadUsers');
    const given: unknown = await traced('nrt.user_provider.loadUsers.shared', async () => this.users.loadUsers!(asked));
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

  private async bounded<T>(name: keyof UserProvider, call: () => Promise<T>): Promise<T> {
    try {
      const { userProviderTimeout } = this.config;
      return await traced(`nrt.user_provider.${name}`, () => withTimeout(userProviderTimeout, name, call()));
    } catch (cause) {
      if (cause instanceof HttpException) throw cause;
      throw new AuthError('temporarily_unavailable', undefined, { cause });
    }
  }
}

function checkedOrError(source: string, entry: unknown, id: string): AuthUser | Error {
  try {
    return checkedUser(source, entry, id);
  } catch (error) {
    return error as Error;
  }
}
