import { Inject, Injectable } from '@nestjs/common';
import { within } from '../clock/within.js';
import { AuthError } from '../errors/auth-error.js';
import { ResolvedAuthOptions } from '../options/resolve-options.js';
import { type AuthUser, USER_PROVIDER, type UserProvider } from './user-provider.js';

/** The host's user provider, bounded in time: what throws or hangs is `temporarily_unavailable`. */
@Injectable()
export class BoundedUserProvider implements UserProvider {
  constructor(
    @Inject(USER_PROVIDER) private readonly users: UserProvider,
    private readonly options: ResolvedAuthOptions,
  ) {}

  validateCredentials(username: string, password: string): Promise<AuthUser | null> {
    return this.bounded('validateCredentials', () => this.users.validateCredentials(username, password));
  }

  loadUser(id: string): Promise<AuthUser | null> {
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

  private async bounded<T>(name: keyof UserProvider, call: () => Promise<T>): Promise<T> {
    try {
      return await within(this.options.userProviderTimeout, name, call());
    } catch (cause) {
      throw new AuthError('temporarily_unavailable', undefined, { cause });
    }
  }
}
