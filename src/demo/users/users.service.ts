import { createHash } from 'node:crypto';
import { ConflictException, Injectable, type OnModuleInit } from '@nestjs/common';
import { AuthError, type AuthUser, type UserProvider } from 'nestjs-refresh-token';
import { Statement, type StatementResult } from 'nestjs-refresh-token/typeorm';
import { DataSource, type EntityManager, IsNull, Not, type Repository } from 'typeorm';
import { hashPassword, NO_PASSWORD, verifyPassword } from './passwords.js';
import { type TakenRole, User } from './user.entity.js';

/** The demo's users, and its `UserProvider`. */
@Injectable()
export class UsersService implements UserProvider, OnModuleInit {
  private readonly users: Repository<User>;
  private readonly usersById: Statement;
  private readonly userByName: Statement;
  private decoyHash: string;

  constructor(dataSource: DataSource) {
    this.users = dataSource.getRepository(User);
    // These run at every refresh and login. So they are prepared, and they time out if the database is silent.
    const select = 'SELECT id, roles, taken_role, disabled, password_hash FROM users WHERE';
    this.usersById = new Statement(dataSource, `${select} id IN (:...ids)`);
    this.userByName = new Statement(dataSource, `${select} username = :username`);
  }

  async onModuleInit(): Promise<void> {
    this.decoyHash = await hashPassword('nobody has this password');
  }

  async validateCredentials(username: string, password: string): Promise<AuthUser | null> {
    const { records } = await this.userByName.execute({ username });
    return this.verified(records[0], password);
  }

  async loadUser(id: string): Promise<AuthUser | null> {
    const [user] = await this.loadUsers([id]);
    return user ?? null;
  }

  async loadUsers(ids: readonly string[]): Promise<AuthUser[]> {
    const { records } = await this.usersById.execute({ ids });
    return records.map(enabled).filter((user) => user !== null);
  }

  async reauthenticate(id: string, password: string): Promise<AuthUser | null> {
    const { records } = await this.usersById.execute({ ids: [id] });
    return this.verified(records[0], password);
  }

  async list(): Promise<Pick<User, 'id' | 'username' | 'roles' | 'disabled'>[]> {
    const users = await this.users.find({ order: { username: 'ASC' } });
    return users.map((user) => ({
      id: user.id,
      username: user.username,
      roles: rolesNow(user),
      disabled: user.disabled,
    }));
  }

  /** The user's id. */
  async idOf(username: string): Promise<string> {
    const user = await this.users.findOneBy({ username });
    if (!user) throw new AuthError('not_found', 'There is no such user.');
    return user.id;
  }

  async nameOf(id: string): Promise<string | null> {
    const user = await this.users.findOneBy({ id });
    return user?.username ?? null;
  }

  async rolesOf(id: string): Promise<string[]> {
    const { roles } = await this.users.findOneByOrFail({ id });
    return roles;
  }

  /** Takes a role away without changing what an administrator has given. */
  async takeRole(id: string, takenRole: TakenRole): Promise<void> {
    await this.users.update({ id }, { takenRole });
  }

  /** Whether a role had been taken away. */
  async giveRoleBack(id: string): Promise<boolean> {
    const { affected } = await this.users.update({ id, takenRole: Not(IsNull()) }, { takenRole: null });
    return affected === 1;
  }

  /**
   * Refuses a change that would leave the demo without an administrator. New roles hold at once, also if the laboratory has
   * taken one of them.
   */
  async update(id: string, change: Partial<Pick<User, 'roles' | 'disabled'>>): Promise<void> {
    await this.users.manager.transaction(async (manager) => {
      // Locks all users in one order: two administrators may be removing each other.
      const users = await manager.find(User, { order: { id: 'ASC' }, lock: { mode: 'pessimistic_write' } });
      const after = users.map((user) => (user.id === id ? { ...user, ...change } : user));
      if (users.some(isAdministrator) && !after.some(isAdministrator)) {
        throw new ConflictException({
          error: 'last_administrator',
          error_description: 'This is the last administrator. Give the role to a different user first.',
        });
      }
      await manager.update(User, id, { ...change, ...(change.roles && { takenRole: null }) });
    });
  }

  /**
   * Changes the password, unless it has changed since it was checked. Returns whether it did. Of several parallel changes,
   * one succeeds.
   *
   * @param checked what `reauthenticate` has returned
   * @param afterwards runs in the transaction of the change
   */
  async changePassword(
    { id, credentialsVersion }: AuthUser,
    next: string,
    afterwards: (manager: EntityManager) => Promise<unknown>,
  ): Promise<boolean> {
    const user = await this.users.findOneBy({ id });
    if (!user || versionOf(user.passwordHash) !== credentialsVersion) return false;
    // Hashing is slow, and the transaction holds locks.
    const passwordHash = await hashPassword(next);
    return this.users.manager.transaction(async (manager) => {
      const { affected } = await manager.update(User, { id, passwordHash: user.passwordHash }, { passwordHash });
      if (affected !== 1) return false;
      await afterwards(manager);
      return true;
    });
  }

  /** Takes equally long for unknown users. */
  private async verified(user: UserRecord | undefined, password: string): Promise<AuthUser | null> {
    const hash = (user?.password_hash as string | undefined) ?? NO_PASSWORD;
    const right = await verifyPassword(hash === NO_PASSWORD ? this.decoyHash : hash, password);
    return right && hash !== NO_PASSWORD ? enabled(user) : null;
  }
}

/** A row of the table of users. */
type UserRecord = StatementResult['records'][number];

function enabled(user: UserRecord | undefined): AuthUser | null {
  if (!user || user.disabled) return null;
  return {
    id: user.id as string,
    roles: rolesNow({
      roles: JSON.parse(user.roles as string),
      takenRole: JSON.parse((user.taken_role as string) ?? 'null'),
    }),
    credentialsVersion: versionOf(user.password_hash as string),
  };
}

function rolesNow({ roles, takenRole }: Pick<User, 'roles' | 'takenRole'>): string[] {
  const taken = takenRole && Date.now() < takenRole.until ? takenRole.role : undefined;
  return roles.filter((role) => role !== taken);
}

function isAdministrator({ roles, disabled }: Pick<User, 'roles' | 'disabled'>): boolean {
  return !disabled && roles.includes('admin');
}

/** Different for every new password. */
function versionOf(passwordHash: string): string {
  return createHash('sha256').update(passwordHash).digest('base64url');
}
