import { Inject, Injectable } from '@nestjs/common';
import { text } from '../common/database/answer.js';
import { AuthDatabase } from '../common/database/auth-database.js';
import type { EntityClass } from '../common/database/entity-class.js';
import type { Statement } from '../common/database/statement.js';
import { unavailableOnFailure } from '../common/database/unavailable.js';
import { NO_SESSION } from './id-range.js';
import type { RefreshToken, RefreshTokenColumns } from './refresh-token.entity.js';
import { SESSION_ENTITY } from './refresh-token.store.js';

/** What tells of the user, of their devices and of where they were. */
export const PERSONAL = [
  // A host writes its own reasons.
  'revokedReason',
  'deviceName',
  'tags',
  'metadata',
  'deviceHash',
  'actor',
  'actorName',
  'actorSessionId',
  'given',
  'givenBefore',
  'dpopThumbprint',
  'certificateThumbprint',
  'clientNonceHash',
  'credentialsHash',
  'fingerprint',
  'amr',
  'acr',
  'ip',
  'userAgent',
  'country',
  'asn',
  'location',
] as const satisfies readonly (keyof RefreshToken)[];

/** The user id of a session whose user has been forgotten. */
export const FORGOTTEN = '';

/**
 * Erases what the revoked sessions of a user tell of them. The rows stay until the purge: other instances read from them
 * that the sessions are revoked.
 */
@Injectable()
export class SessionErasure {
  private readonly revokedOfUser: Statement;
  private readonly blank: Statement;

  constructor(database: AuthDatabase, @Inject(SESSION_ENTITY) entity: EntityClass<RefreshTokenColumns>) {
    const table = database.table(entity);
    const { name, column } = table;
    const [id, revoked] = [column('id'), `${column('revokedAt')} IS NOT NULL`];
    this.revokedOfUser = database.certainStatement(
      `SELECT ${id} AS id FROM ${name} WHERE ${table.equalText('userId')} AND ${revoked} AND ${id} > :after ORDER BY ${id} LIMIT :size`,
      name,
    );
    const blanks = PERSONAL.map((property) => `${column(property)} = NULL`).join(', ');
    this.blank = database.statement(
      `${table.update}${column('userId')} = :forgotten, ${blanks} WHERE ${id} IN (:...ids) AND ${revoked}`,
    );
  }

  /**
   * The ids of the revoked sessions of a user.
   *
   * @param size rows of a statement, at most
   * @throws AuthError `temporarily_unavailable`
   */
  async find(userId: string, size: number): Promise<string[]> {
    const found: string[] = [];
    for (let after = NO_SESSION; ;) {
      const { records } = await unavailableOnFailure(() => this.revokedOfUser.execute({ userId, after, size }));
      if (records.length === 0) return found;
      found.push(...records.map(({ id }) => text(id, 'id')));
      after = found.at(-1)!;
    }
  }

  /**
   * Erases these sessions. Those that are not revoked stay as they are.
   *
   * @param size rows of a statement, at most
   * @returns the number of erased sessions
   * @throws AuthError `temporarily_unavailable`
   */
  async erase(sessions: readonly string[], size: number): Promise<number> {
    let count = 0;
    for (let from = 0; from < sessions.length; from += size) {
      const ids = sessions.slice(from, from + size);
      count += (await unavailableOnFailure(() => this.blank.execute({ ids, forgotten: FORGOTTEN }))).affected;
    }
    return count;
  }
}
