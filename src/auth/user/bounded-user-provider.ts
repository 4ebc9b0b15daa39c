import { Inject, Injectable } from '@nestjs/common';
import { AuthError } from '../common/errors/auth-error.js';
import { batchCalls } from '../common/time/batch-calls.js';
import { withTimeout } from '../common/time/with-timeout.js';
import { UserProviderConfig } from './user-options.js';
import { type AuthUser, USER_PROVIDER, type UserProvider } from './user-provider.js';

/**
 * Wraps the host's user provider with a timeout. If a method throws or takes too long, the request fails with
 * `temporarily_unavailable`.
 */
@Injectable()
export class BoundedUserProvider implements UserProvider {
  private readonly loadTogether: ((id: string) => Promise<AuthUser | null>) | undefined;

  constructor(
    @Inject(USER_PROVIDER) private readonly users: UserProvider,
    private readonly config: UserProviderConfig,
  ) {
    if (typeof users.loadUsers !== 'function') return;
    this.loadTogether = batchCalls((ids) => this.loadAll(ids));
  }

  validateCredentials(username: string, password: string): Promise<AuthUser | null> {
    return this.bounded('validateCredentials', () => this.users.validateCredentials(username, password));
  }

  loadUser(id: string): Promise<AuthUser | null> {
    const { loadTogether } = this;
    if (loadTogether) return this.bounded('loadUsers', () => loadTogether(id));
    return this.bounded('loadUser', () => this.users.loadUser(id));
  }

  /** @throws AuthError `forbidden` if the user provider has no `reauthenticate` */
  async reauthenticate(id: string, password: string): Promise<AuthUser | null> {
    if (!this.canReauthenticate)
      throw new AuthError('forbidden', 'This server does not support step-up. Sign in again instead.');
    return this.bounded('reauthenticate', () => this.users.reauthenticate!(id, password));
  }

  get canReauthenticate(): boolean {
    return typeof this.users.reauthenticate === 'function';
  }

  private async loadAll(ids: readonly string[]): Promise<(AuthUser | null)[]> {
    // Compare ids as text, as the row stores them: the host's ids may be numbers.
    const asked = new Set(ids.map(String));
    const users = new Map((await this.users.loadUsers!([...asked])).map((user) => [String(user.id), user]));
    // A user who is not found loses the session, so a mismatched id is never guessed.
    const stranger = [...users.keys()].find((id) => !asked.has(id));
    if (stranger !== undefined) throw new Error('loadUsers returned a user whose id was not among the requested ids.');
    return ids.map((id) => users.get(String(id)) ?? null);
  }

  private async bounded<T>(name: keyof UserProvider, call: () => Promise<T>): Promise<T> {
    try {
      return await withTimeout(this.config.userProviderTimeout, name, call());
    } catch (cause) {
      throw new AuthError('temporarily_unavailable', undefined, { cause });
    }
  }
}
