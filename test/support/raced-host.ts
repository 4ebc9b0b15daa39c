import { AccessTokenService, type AuthUser, type IssuedTokens, SignInService } from 'nestjs-refresh-token';
import { expect } from 'vitest';
import type { AuthContext } from './auth-app.js';
import { caughtUp, verdict } from './instances.js';

export const OLD_ROLES = ['user', 'admin'];
export const NEW_ROLES = ['user'];
export const OLD_PASSWORD = 'the old password';
const NEW_PASSWORD = 'the new password';

/** A user of the host. */
export interface Account {
  readonly id: string;
  password: string;
  roles: string[];
  disabled: boolean;
  /** Awaited whenever another request may come in between: before the host reads, and when it has read. */
  moment(): Promise<void>;
}

let accounts = 0;

/** The users of two instances, as one database of the host would hold them. */
export class RacedHost {
  private readonly accounts = new Map<string, Account>();

  /** @param versions whether it says when credentials have changed, by `credentialsVersion` */
  constructor(
    readonly versions: boolean,
    instances: AuthContext[],
  ) {
    for (const { users } of instances) {
      users.loadUser = (id) => this.read(id, ({ disabled }) => !disabled);
      users.validateCredentials = (id, password) =>
        this.read(id, (account) => !account.disabled && account.password === password);
    }
  }

  newAccount(): Account {
    const moment = async () => undefined;
    const account = { id: `raced-${++accounts}`, password: OLD_PASSWORD, roles: OLD_ROLES, disabled: false, moment };
    this.accounts.set(account.id, account);
    return account;
  }

  userOf({ id, roles, password }: Account): AuthUser {
    return { id, roles, ...(this.versions && { credentialsVersion: `version of ${password}` }) };
  }

  private async read(id: string, isGood: (account: Account) => boolean): Promise<AuthUser | null> {
    const account = this.accounts.get(id)!;
    await account.moment();
    const found = isGood(account) ? this.userOf(account) : null;
    await account.moment();
    return found;
  }
}

/** What a host does in two steps: it changes its own table, and then tells the library. */
export interface Change {
  change: string;
  /** Whether the sessions live on. */
  spares: boolean;
  alter(account: Account): void;
  tell(instance: AuthContext, account: Account): Promise<unknown>;
}

export const passwordChanges: Change = {
  change: 'the password changes',
  spares: false,
  alter: (account) => (account.password = NEW_PASSWORD),
  tell: ({ service }, { id }) => service.revokeAllOfUser(id, 'password_changed'),
};
export const userIsDisabled: Change = {
  change: 'the user is disabled',
  spares: false,
  alter: (account) => (account.disabled = true),
  tell: ({ service }, { id }) => service.revokeAllOfUser(id, 'user_unavailable'),
};
export const rolesChange: Change = {
  change: 'the roles change',
  spares: true,
  alter: (account) => (account.roles = NEW_ROLES),
  tell: ({ service }, { id }) => service.permissionsChanged(id),
};
export const allSessionsEnd: Change = {
  change: 'all sessions end',
  spares: false,
  alter: () => undefined,
  tell: ({ service }, { id }) => service.revokeAllOfUser(id, 'ended_by_admin'),
};

export function signInOn({ module }: AuthContext, { id }: Account): Promise<IssuedTokens> {
  return module.get(SignInService).signIn(id, OLD_PASSWORD);
}

/** Everything that one account has got out of its requests, the last of each session last. */
export interface Yield {
  account: Account;
  tokens: IssuedTokens[];
}

/** After the delay, nothing of what these accounts have got is of any use to anybody. */
export async function expectNoSurvivor(instances: AuthContext[], yields: Yield[]): Promise<void> {
  await caughtUp(...instances);
  await Promise.all(
    yields.map(async ({ account, tokens }) => {
      expect(await instances[0].service.list(account.id), account.id).toEqual([]);
      for (const { accessToken, refreshToken } of tokens) {
        for (const instance of instances) {
          expect(verdict(instance, accessToken), account.id).toBe('token_revoked');
          await expect(instance.service.refresh(refreshToken)).rejects.toMatchObject({ code: 'invalid_grant' });
        }
      }
    }),
  );
}

/** After the delay, no access token with the old roles is accepted; and one refresh brings the new ones. */
export async function expectNewRoles(instances: AuthContext[], yields: Yield[]): Promise<void> {
  await caughtUp(...instances);
  await Promise.all(
    yields.map(async ({ account, tokens }) => {
      for (const { accessToken } of tokens.filter((issued) => sameRoles(instances[0], issued.accessToken, OLD_ROLES))) {
        for (const instance of instances) expect(verdict(instance, accessToken), account.id).toBe('token_stale');
      }
      const live = new Map(tokens.map((issued) => [issued.sessionId, issued.refreshToken]));
      expect(await instances[0].service.list(account.id)).toHaveLength(live.size);
      for (const refreshToken of live.values()) {
        const healed = await instances[0].service.refresh(refreshToken);
        for (const instance of instances) expect(verdict(instance, healed.accessToken)).toBe('accepted');
        expect(sameRoles(instances[0], healed.accessToken, NEW_ROLES)).toBe(true);
      }
    }),
  );
}

function sameRoles({ module }: AuthContext, accessToken: string, roles: string[]): boolean {
  return module.get(AccessTokenService).identify(accessToken).roles.join() === roles.join();
}
