import { Injectable } from '@nestjs/common';
import { EventErasure } from '../audit/event-erasure.js';
import { unknownOption } from '../common/options/checks.js';
import { AuthEventBus } from '../events/auth-event-bus.js';
import { withActor } from '../revocation/revocation-origin.js';
import { SessionRevocation } from '../revocation/session-revocation.js';
import { SessionErasure } from '../session/session-erasure.js';
import { PurgeConfig } from '../session/session-options.js';

/** What `RefreshTokenService.forgetUser` takes. */
export interface ForgetUserOptions {
  /** The name with which the user signs in. Failed logins for this account are erased, too. */
  readonly username?: string;
  /** Who erases the user; it appears in the event. At most 255 characters. */
  readonly actor?: string;
}

/** How much `RefreshTokenService.forgetUser` has erased. */
export interface ForgottenUser {
  /** Sessions: those that it ended, and older ones that the purge had not removed. Soft-deleted ones count. */
  readonly sessions: number;
  /** Stored events; 0 without `audit.store`. */
  readonly events: number;
}

const OPTIONS = ['username', 'actor'];

/** What one call of `forgetUser` has found and erased so far. */
interface Erased {
  /** The sessions of the user. Their erased rows no longer say so. */
  readonly known: Set<string>;
  sessions: number;
  events: number;
}

/**
 * Erases what the tables hold of a user. It does so twice, because requests of the user may run meanwhile, and instances
 * write their events in the background.
 */
@Injectable()
export class UserErasure {
  constructor(
    private readonly revocation: SessionRevocation,
    private readonly sessions: SessionErasure,
    private readonly stored: EventErasure,
    private readonly events: AuthEventBus,
    private readonly config: PurgeConfig,
  ) {}

  /** See `RefreshTokenService.forgetUser`. */
  async forget(userId: string, options: ForgetUserOptions): Promise<ForgottenUser> {
    const given = checked(userId, options);
    const erased: Erased = { known: new Set(), sessions: 0, events: 0 };
    await this.pass(userId, given, erased);
    await this.stored.settle();
    await this.pass(userId, given, erased);
    const { sessions, events } = erased;
    this.events.publish({ type: 'user_forgotten', count: sessions, actor: given.actor });
    return { sessions, events };
  }

  private async pass(userId: string, { username, actor }: ForgetUserOptions, erased: Erased): Promise<void> {
    const { batchSize } = this.config;
    await this.revocation.endAllOfUser(userId, 'user_forgotten', undefined, { actor });
    await this.revocation.endDeletedOfUser(userId, 'user_forgotten');
    const found = await this.sessions.find(userId, batchSize);
    for (const id of found) erased.known.add(id);
    // The rows go last: if the database fails before, the next call finds the sessions again.
    erased.events += await this.stored.erase(userId, username, erased.known);
    erased.sessions += await this.sessions.erase(found, batchSize);
  }
}

function checked(userId: string, options: ForgetUserOptions): ForgetUserOptions {
  if (typeof userId !== 'string' || userId === '')
    throw new TypeError('forgetUser: the user id must be a non-empty string.');
  const unknown = unknownOption('forgetUser', options, OPTIONS);
  if (unknown !== undefined) throw new TypeError(unknown);
  const { username } = options;
  if (username !== undefined && (typeof username !== 'string' || username === ''))
    throw new TypeError('forgetUser: username must be a non-empty string.');
  return withActor(options);
}
