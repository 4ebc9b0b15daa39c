import { randomInt } from 'node:crypto';
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
  type RefreshTokenStatements,
  type Repetition,
  type Rotation,
} from './refresh-token.statements.js';

/** Injects the entity of the table of sessions. */
export const SESSION_ENTITY = Symbol('SESSION_ENTITY');

/** Time limits for removal: a session is dead if one of its times is at or before its limit. */
export type DeadBefore = Record<'expiresAt' | 'lastUsedAt' | 'revokedAt', number>;

/** The rows between two ids, with the last and without the first. */
export interface Page {
  readonly after: string | undefined;
  readonly last: string;
}

/** A floor, and when it was raised by the clock of the database. */
export type RaisedFloor = AccessFloor & { readonly raisedAt: number };

/** A second in which floors were raised. */
export interface RaisedSecond {
  /** Since the Unix epoch. */
  readonly second: number;
  /** It changes if a floor comes or goes. */
  readonly content: string;
}

type Column = keyof RefreshToken;
type WindowColumn = 'generation' | 'windowGeneration' | 'windowStartedAt';

/**
 * The table of sessions. Each method except `insertInPlaceOf` is one statement without a transaction. So it cannot
 * deadlock, and a pool of one connection cannot hang. If the database fails, methods throw `temporarily_unavailable`.
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
   * Inserts a session and revokes the sessions that must make room for it. A lock prevents concurrent calls for the
   * same user.
   *
   * @param choose selects the sessions to revoke; if it throws, nothing is written and the error is rethrown
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
    // The statements are committed together. So the first stamp may be much older than the commit.
    if (isLate(startedAt)) for (const { id } of displaced) await this.execute('stamp', { id });
    return displaced;
  }

  async find(id: string): Promise<RefreshToken | undefined> {
    const { records } = await this.execute('find', { id });
    return records.length === 0 ? undefined : toSession(records[0]);
  }

  /**
   * Like `find`, for the hot path: sessions requested at the same moment are read by one statement. An error of one id
   * fails all of them. So pass only ids from tokens that this server issued.
   */
  readonly findTogether = batchCalls((ids: readonly string[]) => this.findAll(ids));

  private async findAll(ids: readonly string[]): Promise<(RefreshToken | undefined)[]> {
    const { records } = await this.execute('findAll', { ids });
    const sessions = new Map(records.map((record) => [record.id, toSession(record)]));
    return ids.map((id) => sessions.get(id));
  }

  /** Compare-and-set. Resolves to `false` if another request, a revocation or a raised floor came first. */
  async rotate(before: RefreshToken, rotation: Rotation): Promise<boolean> {
    const { generation: nextGeneration, accessFloor: nextFloor } = rotation;
    const raised = nextFloor !== before.accessFloor;
    const values = { ...rotation, ...asRead(before), nextGeneration, nextFloor };
    const { affected } = await this.execute(raised ? 'adopt' : 'rotate', values);
    return affected === 1;
  }

  /** Compare-and-set, like `rotate`. The live token stays the same. */
  async repeat(before: RefreshToken, repetition: Repetition): Promise<boolean> {
    const { affected } = await this.execute('repeat', { ...repetition, ...asRead(before) });
    return affected === 1;
  }

  /** Lets the window of this generation start later, unless another rotation followed. */
  async postponeWindow(
    id: string,
    { generation, windowGeneration, windowStartedAt }: Pick<RefreshToken, WindowColumn>,
  ): Promise<void> {
    await this.execute('postponeWindow', { id, generation, windowGeneration, windowStartedAt, step: randomStep() });
  }

  /** Resolves to `false` if the session does not exist or was already revoked. */
  async revoke(id: string, revokedAt: number, revokedReason: string): Promise<boolean> {
    const { affected } = await this.raise('revoke', revocation(id, revokedAt, revokedReason));
    return affected === 1;
  }

  /** Revokes the sessions of a user, except `exceptId`. Resolves to their number. */
  async revokeAllOfUser(
    userId: string,
    revokedAt: number,
    revokedReason: string,
    exceptId: string | undefined,
  ): Promise<number> {
    const values = { userId, revokedAt, revokedReason, exceptId: exceptId ?? NO_SESSION, accessFloor: REVOKED_FLOOR };
    return (await this.raise('revokeAllOfUser', values)).affected;
  }

  /** The last id of the next page of the table, ordered by id. `undefined` after the last page. */
  async lastOfPage(after: string | undefined, size: number): Promise<string | undefined> {
    const { records } = await this.execute('lastOfPage', { after: after ?? NO_SESSION, size });
    return records[0]?.last as string | undefined;
  }

  /** Revokes the sessions of a page whose times are before these limits. Resolves to their number. */
  async revokePage(
    { after = NO_SESSION, last }: Page,
    before: Pick<RefreshToken, 'lastUsedAt' | 'createdAt'>,
    revokedAt: number,
    revokedReason: string,
  ): Promise<number> {
    const values = { after, last, ...before, revokedAt, revokedReason, accessFloor: REVOKED_FLOOR };
    return (await this.raise('revokePage', values)).affected;
  }

  /** The floors of the sessions of a page that were revoked at this time. */
  async floorsOfPage({ after = NO_SESSION, last }: Page, revokedAt: number): Promise<AccessFloor[]> {
    const { records } = await this.execute('floorsOfPage', { after, last, revokedAt });
    return records.map(toAccessFloor);
  }

  /**
   * Raises the floors of all sessions of a user above every issued access token, also above those of generations that
   * the database has lost. Resolves to the number of sessions.
   */
  async raiseFloorsOfUser(userId: string): Promise<number> {
    return (await this.raise('raiseFloorsOfUser', { userId })).affected;
  }

  /** The floors of the sessions of a user that were raised less than `youngerThan` milliseconds ago. */
  async floorsOfUser(userId: string, youngerThan: number): Promise<AccessFloor[]> {
    const { records } = await this.execute('floorsOfUser', { userId, youngerThan });
    return records.map(toAccessFloor);
  }

  /** The seconds since then in which floors were raised, by the clock of the database. */
  async raisedSeconds(from: number): Promise<RaisedSecond[]> {
    const { records } = await this.execute('raisedSeconds', { from });
    return records.map(({ second, count, total }) => ({ second: Number(second), content: `${count} ${total}` }));
  }

  /**
   * The floors that were raised from one time until before another, in the order of time and id. At most `size` of them.
   *
   * @param after the last floor of the previous page; it was raised at `from`
   */
  async raisedBetween(from: number, to: number, after: string | undefined, size: number): Promise<RaisedFloor[]> {
    const { records } = await this.execute('raisedBetween', { from, to, after: after ?? NO_SESSION, size });
    return records.map((record) => ({ ...toAccessFloor(record), raisedAt: Number(record.raisedAt) }));
  }

  /** The sessions of a user that are not revoked, most recently used first. */
  async findOfUser(userId: string): Promise<RefreshToken[]> {
    const { records } = await this.execute('findOfUser', { userId });
    return records.map(toSession).sort((a, b) => b.lastUsedAt - a.lastUsedAt);
  }

  /** Like `findOfUser`, at most `size` of them in any order. */
  async findSomeOfUser(userId: string, size: number): Promise<RefreshToken[]> {
    const { records } = await this.execute('findSomeOfUser', { userId, size });
    return records.map(toSession);
  }

  /** Counts the sessions that are not revoked, expire after `now`, and were last used after `idleSince`. */
  async countLive(now: number, idleSince: number): Promise<number> {
    const { records } = await this.execute('countLive', { expiresAt: now, lastUsedAt: idleSince });
    return Number(records[0].count);
  }

  /** The next page of the table, ordered by id. `after` is the last id of the previous page. */
  async page(after: string | undefined, size: number, dead: DeadBefore): Promise<{ id: string; dead: boolean }[]> {
    const { records } = await this.execute('page', { after: after ?? NO_SESSION, size, ...dead });
    return records.map(({ id, dead }) => ({ id: id as string, dead: Number(dead) === 1 }));
  }

  /** Removes the dead sessions of a page. Resolves to their number. */
  async removeDead(after: string | undefined, last: string, dead: DeadBefore): Promise<number> {
    return (await this.execute('removeDead', { after: after ?? NO_SESSION, last, ...dead })).affected;
  }

  /**
   * A statement that raises floors stamps them when it starts to write. If it then waits for another transaction, the
   * stamp may be too old for the reads of other instances. In that case the row is stamped again.
   */
  private async raise(name: keyof typeof STAMP_AGAIN, values: StatementValues): Promise<StatementResult> {
    const startedAt = performance.now();
    const result = await this.execute(name, values);
    if (isLate(startedAt)) await this.execute(STAMP_AGAIN[name], values);
    return result;
  }

  private execute(name: keyof RefreshTokenStatements, values: StatementValues): Promise<StatementResult> {
    return unavailableOnFailure(() => this.statements[name].execute(values));
  }
}

/** Sorts before every session id. No session has it. */
const NO_SESSION = '00000000-0000-0000-0000-000000000000';

/** The statements that raise floors, each with the statement that stamps the same rows again. */
const STAMP_AGAIN = {
  revoke: 'stamp',
  revokeAllOfUser: 'stampAllOfUser',
  raiseFloorsOfUser: 'stampAllOfUser',
  revokePage: 'stampPage',
} as const;

/** Milliseconds. Far less than the time for which instances look back. */
const LATEST_STAMP = 3_000;

function isLate(startedAt: number): boolean {
  return performance.now() - startedAt > LATEST_STAMP;
}

/** The version stays below 2^53 for 2^33 changes. */
const MOST_STEP = 2 ** 20;

/** A row that the database has rolled back does not come to the same version of its lists again. */
function randomStep(): number {
  return randomInt(1, MOST_STEP);
}

const NUMBERS: readonly Column[] = [
  'generation',
  'accessFloor',
  'floorRaisedAt',
  'createdAt',
  'listsVersion',
  'windowGeneration',
  'windowStartedAt',
  'lateAnswersAt',
  'repeatedGeneration',
  'repeatedInARow',
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
    // PostgreSQL returns bigint as text.
    if (record[name] !== null) record[name] = Number(record[name]);
  }
  return record as unknown as RefreshToken;
}

function revocation(id: string, revokedAt: number, revokedReason: string): StatementValues {
  return { id, revokedAt, revokedReason, accessFloor: REVOKED_FLOOR };
}

/** What a write asks for: that the row is as it was read. */
function asRead({ id, generation, listsVersion, accessFloor }: RefreshToken): StatementValues {
  return { id, generation, listsVersion, accessFloor, step: randomStep() };
}

function toAccessFloor(record: Record<string, unknown>): AccessFloor {
  return { sessionId: record.id as string, floor: Number(record.floor) };
}
