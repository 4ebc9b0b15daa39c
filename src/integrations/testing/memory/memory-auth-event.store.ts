import { Inject, Injectable } from '@nestjs/common';
import { AuditConfig } from '../../../auth/audit/audit-options.js';
import type { CheckedQuery } from '../../../auth/audit/auth-event-query.js';
import type { AuthEventRecord } from '../../../auth/audit/auth-event-record.entity.js';
import type { AuthEventStore, EventOfUser, NewAuthEvent } from '../../../auth/audit/auth-event.store.js';
import { leastIdAt } from '../../../auth/audit/event-id.js';
import { LAST_ID, REFRESHES } from '../../../auth/audit/event-search.js';
import { AuthError } from '../../../auth/common/errors/auth-error.js';
import { MODULE_NAME } from '../../../auth/common/options/module-name.js';

/** Keeps the events in memory, in the order of their ids. */
@Injectable()
export class MemoryAuthEventStore implements Pick<AuthEventStore, keyof AuthEventStore> {
  readonly realm: string;
  readonly isOpen: boolean;
  private readonly records = new Map<string, AuthEventRecord>();

  constructor({ store }: AuditConfig, @Inject(MODULE_NAME) name: string | undefined) {
    this.realm = name ?? '';
    this.isOpen = store;
  }

  async insert(records: readonly NewAuthEvent[]): Promise<void> {
    for (const record of records) {
      if (!this.records.has(record.id)) this.records.set(record.id, { ...record, realm: this.realm });
    }
  }

  async find(query: CheckedQuery, recent: number): Promise<AuthEventRecord[]> {
    const { since = 0, until, before = LAST_ID, limit } = query;
    const first = leastIdAt(since);
    const end = until === undefined ? LAST_ID : leastIdAt(until);
    const last = before < end ? before : end;
    return this.where((record) => record.id >= first && record.id < last && matches(record, query, recent))
      .reverse()
      .slice(0, limit)
      .map((record) => ({ ...record }));
  }

  async oldest(time: number, after = '', size = Infinity): Promise<string[]> {
    const least = leastIdAt(time);
    const found = this.where(({ id }) => id > after && id < least);
    return found.slice(0, size).map(({ id }) => id);
  }

  async ofUser(userId: string, limit: number): Promise<EventOfUser[]> {
    return this.where((record) => record.userId === userId).slice(0, limit);
  }

  async withoutUser(sessions: readonly string[], limit: number): Promise<EventOfUser[]> {
    return this.where(({ userId, sessionId }) => userId === null && isIn(sessions, sessionId)).slice(0, limit);
  }

  async ofAccounts(accounts: readonly string[], limit: number): Promise<EventOfUser[]> {
    return this.where(({ account }) => isIn(accounts, account)).slice(0, limit);
  }

  async remove(ids: readonly string[]): Promise<number> {
    return ids.filter((id) => this.records.delete(id)).length;
  }

  private where(holds: (record: AuthEventRecord) => boolean): AuthEventRecord[] {
    if (!this.isOpen) throw new AuthError('not_found', 'This server does not store events.');
    return [...this.records.values()].filter(holds).sort((one, other) => (one.id < other.id ? -1 : 1));
  }
}

function matches(record: AuthEventRecord, query: CheckedQuery, recent: number): boolean {
  const { types, accounts, withoutRecentRefreshes } = query;
  const isRecentRefresh = REFRESHES.includes(record.type) && record.at > recent;
  return (
    (['userId', 'sessionId', 'ip', 'outcome', 'actor'] as const).every(
      (name) => query[name] === undefined || query[name] === record[name],
    ) &&
    (types === undefined || types.includes(record.type)) &&
    (accounts === undefined || isIn(accounts, record.account)) &&
    !(withoutRecentRefreshes && isRecentRefresh)
  );
}

function isIn(values: readonly string[], value: string | null): boolean {
  return value !== null && values.includes(value);
}
