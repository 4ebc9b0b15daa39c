import { randomInt } from 'node:crypto';
import type { StatementValues } from '../common/database/statement.js';
import { REVOKED_FLOOR } from './access-floor.js';
import type { RefreshToken } from './refresh-token.entity.js';

/** The version stays below 2^53 for 2^33 changes. */
const MOST_STEP = 2 ** 20;

/** A row that the database has rolled back does not come to the same version of its lists again. */
export function randomStep(): number {
  return randomInt(1, MOST_STEP);
}

export function revocation(id: string, revokedAt: number, revokedReason: string): StatementValues {
  return { id, revokedAt, revokedReason, accessFloor: REVOKED_FLOOR };
}

/** What a write asks for: that the row is as it was read. */
export function asRead({ id, generation, listsVersion, accessFloor }: RefreshToken): StatementValues {
  return { id, generation, listsVersion, accessFloor, step: randomStep() };
}
