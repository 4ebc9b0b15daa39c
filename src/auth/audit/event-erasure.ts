import { Injectable } from '@nestjs/common';
import { RefusedRows } from '../common/database/refused-rows.js';
import { AuthError } from '../common/errors/auth-error.js';
import { Clock } from '../common/time/clock.js';
import { PurgeConfig } from '../session/session-options.js';
import { AccountNames } from './account-names.js';
import { AuditConfig } from './audit-options.js';
import { AuthEventWriter } from './auth-event-writer.js';
import { AuthEventStore, type EventOfUser } from './auth-event.store.js';

/** Milliseconds. A table that takes longer is away. */
const LONGEST_FLUSH = 5_000;
/** Milliseconds that running requests get to end, and other instances to write their events. */
const MARGIN = 500;
/** How often locked rows are tried again, and the milliseconds in between. */
const MOST_TRIES = 10;
const BETWEEN_TRIES = 200;

/** Erases the stored events of a user. */
@Injectable()
export class EventErasure {
  constructor(
    private readonly store: AuthEventStore,
    private readonly writer: AuthEventWriter,
    private readonly accounts: AccountNames,
    private readonly clock: Clock,
    private readonly config: AuditConfig,
    private readonly purgeConfig: PurgeConfig,
  ) {}

  /**
   * Erases the events of the user and of their sessions, and those of failed logins with this name.
   *
   * @param sessions ids of sessions of the user; those that only events name are added
   * @returns the number of erased events; 0 if events are not stored
   * @throws AuthError `temporarily_unavailable` if the database fails, or if some events cannot be removed
   */
  async erase(userId: string, username: string | undefined, sessions: Set<string>): Promise<number> {
    if (!this.store.isOpen) return 0;
    await this.writer.flush(performance.now() + LONGEST_FLUSH);
    const size = this.purgeConfig.batchSize;
    let count = await this.eraseWithoutUser([...sessions]);
    // The events of the user say which sessions are theirs. So those that name only the session go first.
    const ofNewSessions = (events: EventOfUser[]) => {
      const ids = new Set(events.flatMap(({ sessionId }) => sessionId ?? []));
      const added = [...ids].filter((id) => !sessions.has(id));
      for (const id of added) sessions.add(id);
      return this.eraseWithoutUser(added);
    };
    count += await this.removeAll(() => this.store.ofUser(userId, size), ofNewSessions);
    if (username === undefined) return count;
    const hashes = this.accounts.hashes(username);
    return count + (await this.removeAll(() => this.store.ofAccounts(hashes, size)));
  }

  /** Waits until requests of now have ended, and other instances have written the events of them that they queued. */
  async settle(): Promise<void> {
    const queued = this.store.isOpen ? this.config.flushInterval : 0;
    await this.clock.sleep(queued + MARGIN);
  }

  /** Erases the events that name one of these sessions, and no user. */
  private async eraseWithoutUser(sessions: readonly string[]): Promise<number> {
    const size = this.purgeConfig.batchSize;
    let count = 0;
    for (let from = 0; from < sessions.length; from += size) {
      const part = sessions.slice(from, from + size);
      count += await this.removeAll(() => this.store.withoutUser(part, size));
    }
    return count;
  }

  /** Removes what it finds until it finds nothing. Rows that are locked are tried again. */
  private async removeAll(
    find: () => Promise<EventOfUser[]>,
    removeBefore: (found: EventOfUser[]) => Promise<number> = () => Promise.resolve(0),
  ): Promise<number> {
    const refused = new RefusedRows();
    let count = 0;
    for (let tries = 0; ;) {
      const found = await find();
      if (found.length === 0) return count;
      count += await removeBefore(found);
      const removed = await this.store.remove(
        found.map(({ id }) => id),
        refused,
      );
      count += removed;
      if (removed > 0) continue;
      if (++tries >= MOST_TRIES) throw new AuthError('temporarily_unavailable', undefined, { cause: refused.error });
      await this.clock.sleep(BETWEEN_TRIES);
    }
  }
}
