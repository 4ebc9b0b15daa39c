import { Injectable } from '@nestjs/common';
import type { RefreshToken } from '../../../auth/session/refresh-token.entity.js';
import type { DetailColumns } from '../../../auth/session/session-details.js';
import type { SessionDetailsStore } from '../../../auth/session/session-details.store.js';
import { isLive, MemorySessions } from './memory-sessions.js';

/** Writes what a user says about a session in memory. */
@Injectable()
export class MemorySessionDetailsStore implements Pick<SessionDetailsStore, keyof SessionDetailsStore> {
  constructor(private readonly sessions: MemorySessions) {}

  async write({ id, userId }: RefreshToken, columns: Partial<DetailColumns>): Promise<boolean> {
    const row = this.sessions.one(id, (one) => one.userId === userId && isLive(one));
    if (row) Object.assign(row, columns);
    return row !== undefined;
  }
}
