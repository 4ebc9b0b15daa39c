import { Injectable } from '@nestjs/common';
import { FORGOTTEN, PERSONAL, type SessionErasure } from '../../../auth/session/session-erasure.js';
import { isLive, MemorySessions } from './memory-sessions.js';

/** Erases what revoked sessions in memory tell of a user. */
@Injectable()
export class MemorySessionErasure implements Pick<SessionErasure, keyof SessionErasure> {
  constructor(private readonly sessions: MemorySessions) {}

  async find(userId: string): Promise<string[]> {
    return this.sessions.where((row) => row.userId === userId && !isLive(row)).map(({ id }) => id);
  }

  async erase(ids: readonly string[]): Promise<number> {
    const rows = ids.flatMap((id) => this.sessions.one(id, (row) => !isLive(row)) ?? []);
    const blank = Object.fromEntries(PERSONAL.map((property) => [property, null]));
    for (const row of rows) Object.assign(row, blank, { userId: FORGOTTEN });
    return rows.length;
  }
}
