import { Injectable } from '@nestjs/common';
import type { DeadBefore, DeadSessions } from '../../../auth/session/dead-sessions.js';
import type { RefreshToken } from '../../../auth/session/refresh-token.entity.js';
import { MemorySessions } from './memory-sessions.js';

/** Finds and removes the dead sessions in memory. */
@Injectable()
export class MemoryDeadSessions implements Pick<DeadSessions, keyof DeadSessions> {
  readonly tableName = 'memory';

  constructor(private readonly sessions: MemorySessions) {}

  async *find(before: DeadBefore): AsyncGenerator<string[], void> {
    yield this.sessions.where((row) => isDead(row, before)).map(({ id }) => id);
  }

  async remove(ids: readonly string[], before: DeadBefore): Promise<number> {
    const dead = ids.filter((id) => this.sessions.one(id, (row) => isDead(row, before)));
    for (const id of dead) this.sessions.remove(id);
    return dead.length;
  }
}

function isDead(row: RefreshToken, before: DeadBefore): boolean {
  if (row.idleTtl !== null && row.lastUsedAt + row.idleTtl <= before.expiresAt) return true;
  return (['expiresAt', 'lastUsedAt', 'revokedAt'] as const).some((time) => {
    const at = row[time];
    return at !== null && at <= before[time];
  });
}
