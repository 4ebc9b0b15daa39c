import type { AuthUser, UserProvider } from '../../auth/user/user-provider.js';
import { AuthConfigurationError } from '../../auth/common/errors/auth-error.js';

/**
 * A user of a test. Only the id is required.
 *
 * @example
 * const alice: TestAccount = { id: 'user-1', username: 'alice', password: 'secret', roles: ['admin'] };
 */
export interface TestAccount extends Partial<AuthUser> {
  id: string;
  /** The name for `POST /auth/login`. By default the id. */
  username?: string;
  /** The password for `POST /auth/login` and step-up. Without one, nobody can sign in with a password. */
  password?: string;
}

/**
 * The users of `AuthTestingModule`, in memory. Change them while the application runs, as your users change.
 *
 * @example
 * const users = new TestUsers([{ id: 'alice', password: 'secret', roles: ['admin'] }]);
 * imports: [AuthTestingModule.forRoot({ users })]
 */
export class TestUsers implements UserProvider {
  private readonly accounts = new Map<string, TestAccount>();

  /** @throws AuthConfigurationError if a user has no id */
  constructor(accounts: readonly TestAccount[] = []) {
    for (const account of accounts) this.set(account);
  }

  /**
   * Adds a user, or replaces the one with this id.
   *
   * @throws AuthConfigurationError if the user has no id
   */
  set(account: TestAccount): void {
    if (typeof account?.id !== 'string' || account.id === '') throw wrong('each user needs an id');
    this.accounts.set(account.id, { ...account });
  }

  /** Removes a user. Their sessions end at the next refresh. */
  remove(id: string): void {
    this.accounts.delete(id);
  }

  /** The user with this id, as the test gave it; `undefined` if there is no such user. */
  get(id: string): TestAccount | undefined {
    const account = this.accounts.get(id);
    return account && { ...account };
  }

  /** Returns the user with this name and password; `null` if there is no such user. */
  async validateCredentials(username: string, password: string): Promise<AuthUser | null> {
    const account = [...this.accounts.values()].find(({ id, username: name = id }) => name === username);
    return account ? this.reauthenticate(account.id, password) : null;
  }

  /** Returns the user if the password is right; `null` otherwise. */
  async reauthenticate(id: string, password: string): Promise<AuthUser | null> {
    const account = this.accounts.get(id);
    return account?.password !== undefined && account.password === password ? userOf(account) : null;
  }

  /** Returns the user with this id; `null` if there is no such user. */
  async loadUser(id: string): Promise<AuthUser | null> {
    const account = this.accounts.get(id);
    return account ? userOf(account) : null;
  }
}

/** Hosts may give users more fields than these. */
function userOf({ username: _name, password: _password, roles = [], ...user }: TestAccount): AuthUser {
  return { ...user, roles };
}

function wrong(fault: string): AuthConfigurationError {
  return new AuthConfigurationError(`TestUsers: ${fault}, for example [{ id: 'alice', roles: ['admin'] }].`);
}
