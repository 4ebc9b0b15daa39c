import { type BeforeApplicationShutdown, ConflictException, Injectable } from '@nestjs/common';
import { AuthEventBus, RefreshTokenService } from 'nestjs-refresh-token';
import { UsersService } from '../users/users.service.js';

/** The role that the laboratory takes away. */
export const ROLE = 'user';

/** Milliseconds after which the user gets it back automatically. */
const AWAY = 15_000;

/**
 * Takes a role away for a while. The user gets it back on request, when the session ends, or after a while. The roles that
 * an administrator has given stay as they are: one that was removed meanwhile does not come back.
 */
@Injectable()
export class TakenRoles implements BeforeApplicationShutdown {
  private readonly taken = new Map<string, NodeJS.Timeout>();

  constructor(
    private readonly users: UsersService,
    private readonly refreshTokens: RefreshTokenService,
    events: AuthEventBus,
  ) {
    events.subscribe(async ({ type, userId }) => {
      if (type === 'revoked' && userId && this.taken.has(userId)) await this.giveBack(userId);
    });
  }

  async take(userId: string): Promise<void> {
    const roles = await this.users.rolesOf(userId);
    if (!roles.includes(ROLE)) {
      throw new ConflictException({
        error: 'no_such_role',
        error_description: `You do not have the role “${ROLE}”, so it cannot be taken away. Ask the administrator for it.`,
      });
    }
    await this.users.takeRole(userId, { role: ROLE, until: Date.now() + AWAY });
    await this.refreshTokens.permissionsChanged(userId);
    clearTimeout(this.taken.get(userId));
    const timer = setTimeout(() => void this.giveBack(userId).catch(() => undefined), AWAY).unref();
    this.taken.set(userId, timer);
  }

  /** Does nothing if the laboratory has taken no role of the user. */
  async giveBack(userId: string): Promise<void> {
    clearTimeout(this.taken.get(userId));
    this.taken.delete(userId);
    if (await this.users.giveRoleBack(userId)) await this.refreshTokens.permissionsChanged(userId);
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.allSettled([...this.taken.keys()].map((userId) => this.giveBack(userId)));
  }
}
