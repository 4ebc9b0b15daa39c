import { Inject, Injectable } from '@nestjs/common';
import { AuthDatabase } from '../common/database/auth-database.js';
import type { EntityClass } from '../common/database/entity-class.js';
import type { StatementResult, StatementValues } from '../common/database/statement.js';
import { unavailableOnFailure } from '../common/database/unavailable.js';
import { UserLock } from '../common/database/user-lock.js';
import { batchCalls } from '../common/time/batch-calls.js';
import { type AccessFloor, REVOKED_FLOOR } from './access-floor.js';
import type { RefreshToken, RefreshTokenColumns } from './refresh-token.entity.js';
import {
  prepareStatements,
  type Reauthentication,
  type RefreshTokenStatements,
  type Rotation,
} from './refresh-token.statements.js';

/** Injects the entity of the table of sessions. */
export const SESSION_ENTITY = Symbol('SESSION_ENTITY');

/** A session is to be removed when one of its times is no later than here. */
export type DeadBefore = Record<'expiresAt' | 'lastUsedAt' | 'revokedAt', number>;

type Column = keyof RefreshToken;

/**
 * The table of sessions. But for `insertInPlaceOf`, each method is one statement that stands alone: there is no transaction
 * to deadlock, and a pool of one connection cannot hang. A database that fails is `temporarily_unavailable`.
 */
@Injectable()
export class RefreshTokenStore {
  private readonly statements: RefreshTokenStatements;
  private readonly userLock: UserLock;

  constructor(database: AuthDatabase, @Inject(SESSION_ENTITY) entity: EntityClass<RefreshTokenColumns>) {
    this.statements = prepareStatements(database, entity);
    this.userLock = new UserLock(database.dataSource);
  }

  async insert(session: RefreshToken): Promise<void> {
    await this.execute('insert', { ...session });
  }

  /**
   * Inserts a session and revokes those that have to make room for it, while nobody else does so for the same user.
   *
   * @param choose which of the user's sessions have to go; what it throws is thrown, and nothing has happened
   */
  async insertInPlaceOf(
    session: RefreshToken,
    revokedReason: string,
    choose: (others: RefreshToken[]) => RefreshToken[],
  ): Promise<RefreshToken[]> {
    const { userId, createdAt: revokedAt } = session;
    const startedAt = performance.now();
    const displaced = await unavailableOnFailure(() =>
      this.userLock.hold(userId, async (runner) => {
        const { records } = await this.statements.findOfUser.execute({ userId }, runner);
        const displaced = choose(records.map(toSession));
        for (const { id } of displaced) {
          await this.statements.revoke.execute(revocation(id, revokedAt, revokedReason), runner);
        }
        await this.statements.insert.execute({ ...session }, runner);
        return displaced;
      }),
    );
    // It is all of this that is committed at once, so the first stamp may be much older than the last statement.
    if (isLate(startedAt)) for (const { id } of displaced) await this.execute('stamp', { id });
    return displaced;
  }

  async find(id: string): Promise<RefreshToken | undefined> {
    const { records } = await this.execute('find', { id });
    return records.length === 0 ? undefined : toSession(records[0]);
  }

  /**
   * As `find`, for the hot path: sessions that are asked for at the same moment are read by one statement. What one asks for
   * in vain fails for all, so `id` comes from a token that this server has issued.
   */
  readonly findTogether = batchCalls((ids: readonly string[]) => this.findAll(ids));

  private async findAll(ids: readonly string[]): Promise<(RefreshToken | undefined)[]> {
    const { records } = await this.execute('findAll', { ids });
    const sessions = new Map(records.map((record) => [record.id, toSession(record)]));
    return ids.map((id) => sessions.get(id));
  }

  /** The compare-and-set: `false` where another request, a revocation or a raised floor came first. */
  async rotate(before: RefreshToken, rotation: Rotation): Promise<boolean> {
    const { id, generation, accessFloor } = before;
    const { affected } = await this.execute('rotate', { ...rotation, id, generation, accessFloor });
    return affected === 1;
  }

  /** A compare-and-set, too; the token that is live stays so. */
  async reauthenticate(before: RefreshToken, reauthentication: Reauthentication): Promise<boolean> {
    const { id, generation, accessFloor } = before;
    const { affected } = await this.execute('reauthenticate', { ...reauthentication, id, generation, accessFloor });
    return affected === 1;
  }

  /** Lets the latest rotation count from a later time, unless there has been another one. */
  async postponeRotation(id: string, generation: number, rotatedAt: number): Promise<void> {
    await this.execute('postponeRotation', { id, generation, rotatedAt });
  }

  /** `false` if the session does not exist, or was revoked before. */
  async revoke(id: string, revokedAt: number, revokedReason: string): Promise<boolean> {
    const { affected } = await this.raise('revoke', revocation(id, revokedAt, revokedReason));
    return affected === 1;
  }

  /** Revokes the sessions of a user, but for `exceptId`; says how many they were. */
  async revokeAllOfUser(
    userId: string,
    revokedAt: number,
    revokedReason: string,
    exceptId: string | undefined,
  ): Promise<number> {
    const values = { userId, revokedAt, revokedReason, exceptId: exceptId ?? NO_SESSION, accessFloor: REVOKED_FLOOR };
    return (await this.raise('revokeAllOfUser', values)).affected;
  }

  /** Raises the floor of a user's sessions above every access token that is out; says how many they were. */
  async raiseFloorsOfUser(userId: string): Promise<number> {
    return (await this.raise('raiseFloorsOfUser', { userId })).affected;
  }

  /** The floors of a user's sessions that were raised within this number of milliseconds. */
  async floorsOfUser(userId: string, youngerThan: number): Promise<AccessFloor[]> {
    const { records } = await this.execute('floorsOfUser', { userId, youngerThan });
    return records.map(toAccessFloor);
  }

  /** The floors that were raised within this number of milliseconds, by the clock of the database, and their age. */
  async floorsRaised(youngerThan: number): Promise<(AccessFloor & { age: number })[]> {
    const { records } = await this.execute('floorsRaised', { youngerThan });
    return records.map((record) => ({ ...toAccessFloor(record), age: Number(record.age) }));
  }

  /** The sessions of a user that have not been revoked; the longest idle last. */
  async findOfUser(userId: string): Promise<RefreshToken[]> {
    const { records } = await this.execute('findOfUser', { userId });
    return records.map(toSession).sort((a, b) => b.lastUsedAt - a.lastUsedAt);
  }

  /** How many sessions have not been revoked, end after `now`, and were last used after `idleSince`. */
  async countLive(now: number, idleSince: number): Promise<number> {
    const { records } = await this.execute('countLive', { expiresAt: now, lastUsedAt: idleSince });
    return Number(records[0].count);
  }

  /** The next page of the table, in the order of the ids; `after` is the last id of the page before. */
  async page(after: string | undefined, size: number, dead: DeadBefore): Promise<{ id: string; dead: boolean }[]> {
    const { records } = await this.execute('page', { after: after ?? NO_SESSION, size, ...dead });
    return records.map(({ id, dead }) => ({ id: id as string, dead: Number(dead) === 1 }));
  }

  /** Removes the dead sessions of a page, and says how many they were. */
  async removeDead(after: string | undefined, last: string, dead: DeadBefore): Promise<number> {
    return (await this.execute('removeDead', { after: after ?? NO_SESSION, last, ...dead })).affected;
  }

  /**
   * A statement that raises floors stamps them with the time at which it began to write. If it then had to wait for another
   * transaction, the stamp is older than any instance looks back: it is set anew.
   */
  private async raise(
    name: 'revoke' | 'revokeAllOfUser' | 'raiseFloorsOfUser',
    values: StatementValues,
  ): Promise<StatementResult> {
    const startedAt = performance.now();
    const result = await this.execute(name, values);
    if (isLate(startedAt)) await this.execute(name === 'revoke' ? 'stamp' : 'stampAllOfUser', values);
    return result;
  }

  private execute(name: keyof RefreshTokenStatements, values: StatementValues): Promise<StatementResult> {
    return unavailableOnFailure(() => this.statements[name].execute(values));
  }
}

/** Stands before every session id; no session has it. */
const NO_SESSION = '00000000-0000-0000-0000-000000000000';

/** Milliseconds: far less than any instance looks back. */
const LATEST_STAMP = 3_000;

function isLate(startedAt: number): boolean {
  return performance.now() - startedAt > LATEST_STAMP;
}

const NUMBERS: readonly Column[] = [
  'generation',
  'accessFloor',
  'floorRaisedAt',
  'createdAt',
  'rotatedAt',
  'lastUsedAt',
  'expiresAt',
  'revokedAt',
  'asn',
  'rateStartedAt',
  'rateCount',
  'authTime',
];

function toSession(record: Record<string, unknown>): RefreshToken {
  for (const name of NUMBERS) {
    // As text from PostgreSQL.
    if (record[name] !== null) record[name] = Number(record[name]);
  }
  return record as unknown as RefreshToken;
}

function revocation(id: string, revokedAt: number, revokedReason: string): StatementValues {
  return { id, revokedAt, revokedReason, accessFloor: REVOKED_FLOOR };
}

function toAccessFloor(record: Record<string, unknown>): AccessFloor {
  return { sessionId: record.id as string, floor: Number(record.floor) };
}
