import { Injectable } from '@nestjs/common';
import type { RefreshToken } from '../../../auth/session/refresh-token.entity.js';

/** The sessions of one `AuthModule`, instead of a table. */
@Injectable()
export class MemorySessions {
  private readonly rows = new Map<string, RefreshToken>();

  add(session: RefreshToken): void {
    this.rows.set(session.id, { ...session });
  }

  remove(id: string): void {
    this.rows.delete(id);
  }

  /** The rows themselves, in the order of their ids. What is handed on must be a copy. */
  where(holds: (row: RefreshToken) => boolean = () => true): RefreshToken[] {
    return [...this.rows.values()].filter(holds).sort((one, other) => (one.id < other.id ? -1 : 1));
  }

  /** The row with this id, if it is like that. */
  one(id: string, holds: (row: RefreshToken) => boolean = () => true): RefreshToken | undefined {
    const row = this.rows.get(id);
    return row && holds(row) ? row : undefined;
  }
}

export function isLive({ revokedAt }: RefreshToken): boolean {
  return revokedAt === null;
}
