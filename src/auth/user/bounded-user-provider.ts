import { Inject, Injectable } from '@nestjs/common';
import { AuthError } from '../common/errors/auth-error.js';
import { batchCalls } from '../common/time/batch-calls.js';
import { withTimeout } from '../common/time/with-timeout.js';
import { UserProviderConfig } from './user-options.js';
import { type AuthUser, USER_PROVIDER, type UserProvider } from './user-provider.js';

/** The host's user provider, bounded in time: what throws or hangs is `temporarily_unavailable`. */
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

  /** @throws AuthError `forbidden` where the host has no way to do that */
  async reauthenticate(id: string, password: string): Promise<AuthUser | null> {
    if (!this.canReauthenticate)
      throw new AuthError('forbidden', 'This server does not offer that. Sign in again instead.');
    return this.bounded('reauthenticate', () => this.users.reauthenticate!(id, password));
  }

  get canReauthenticate(): boolean {
    return typeof this.users.reauthenticate === 'function';
  }

  private async loadAll(ids: readonly string[]): Promise<(AuthUser | null)[]> {
    // As text, as the row has them: the host's may be numbers.
    const asked = new Set(ids.map(String));
    const users = new Map((await this.users.loadUsers!([...asked])).map((user) => [String(user.id), user]));
    // Who is not found loses the session: so no guess at which of them is meant.
    const stranger = [...users.keys()].find((id) => !asked.has(id));
    if (stranger !== undefined)
      throw new Error('loadUsers has given a user of another id than those it was asked for.');
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
