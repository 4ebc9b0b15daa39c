import { randomUUID } from 'node:crypto';
import type { AuthenticatedUser } from '../../auth/access-token/authenticated-user.js';
import { AuthConfigurationError } from '../../auth/common/errors/auth-error.js';
import type { Clock } from '../../auth/common/time/clock.js';

/**
 * The user of a test as a handler gets it. Only the id is required. By default the user has no roles, permissions and
 * scopes, and has just signed in.
 *
 * @example
 * const admin: TrustedTestUser = { id: 'admin', roles: ['admin'] };
 */
export interface TrustedTestUser extends Partial<AuthenticatedUser> {
  readonly id: string;
}

/** Milliseconds. Nobody checks the expiry of a trusted user, but a handler may show it. */
const LIFETIME = 15 * 60_000;

/**
 * Who the requests of a test come from. `trustUser` makes it.
 *
 * @example
 * caller.become({ id: 'bob', roles: ['user'] });
 */
export class TrustedCaller {
  private readonly sessionId = randomUUID();
  private current: TrustedTestUser | undefined;
  /** Milliseconds since the Unix epoch. */
  private signedInAt: number;

  /** Use `trustUser`. */
  constructor(
    user: TrustedTestUser,
    private readonly clock: Clock,
    private readonly restore: () => void,
  ) {
    this.become(user);
  }

  /**
   * From now on, requests come from this user, who has just signed in.
   *
   * @throws AuthConfigurationError if the user has no id, or a claim has a wrong type
   */
  become(user: TrustedTestUser): void {
    assertUser(user);
    this.current = { ...user };
    this.signedInAt = this.clock.now();
  }

  /** From now on, requests come from nobody: the guard refuses them with `unauthorized`. */
  signOut(): void {
    this.current = undefined;
  }

  /** From now on, the guard asks for access tokens again. */
  release(): void {
    this.restore();
  }

  /** Who the next request comes from; `undefined` for nobody. */
  get user(): AuthenticatedUser | undefined {
    return (
      this.current && {
        roles: [],
        permissions: [],
        sessionId: this.sessionId,
        clientId: 'default',
        scope: '',
        generation: 0,
        expiresAt: secondsOf(this.clock.now() + LIFETIME),
        authTime: secondsOf(this.signedInAt),
        amr: [],
        claims: {},
        ...this.current,
      }
    );
  }
}

function assertUser(user: TrustedTestUser): void {
  const fail = (fault: string): never => {
    throw new AuthConfigurationError(`trustUser: ${fault}, for example { id: 'alice', roles: ['admin'] }.`);
  };
  if (typeof user?.id !== 'string' || user.id === '') fail('the user needs an id');
  for (const name of ['roles', 'permissions'] as const) {
    const values: unknown = user[name] ?? [];
    if (!Array.isArray(values) || !values.every((value) => typeof value === 'string'))
      fail(`${name} must be a list of strings`);
  }
  if (user.scope !== undefined && typeof user.scope !== 'string') fail('scope must be a string, separated by spaces');
}

function secondsOf(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}
