import { Inject, Injectable } from '@nestjs/common';
import type { QueryRunner } from 'typeorm';
import { AuthDatabase } from '../common/database/auth-database.js';
import type { EntityClass } from '../common/database/entity-class.js';
import { number, type StatementResult, UnreadableAnswer, uuid } from '../common/database/answer.js';
import type { Certainty } from '../common/database/certainty.js';
import type { StatementValues } from '../common/database/statement.js';
import { unavailableOnFailure } from '../common/database/unavailable.js';
import { batchCalls } from '../common/time/batch-calls.js';
import { type AccessFloor, type RaisedFloor, type RaisedSecond, REVOKED_FLOOR } from './access-floor.js';
import { LAST_SESSION, NO_SESSION } from './id-range.js';
import { estimateLive } from './live-sessions.js';
import type { RefreshToken, RefreshTokenColumns } from './refresh-token.entity.js';
import {
  prepareStatements,
  type RefreshTokenStatements,
  type Repetition,
  type Rotation,
} from './refresh-token.statements.js';
import { UserLock } from './user-lock.js';
import { asRead, randomStep, revocation } from './written-values.js';

/** Injects the entity of the table of sessions. */
export const SESSION_ENTITY = Symbol('SESSION_ENTITY');

/** The rows between two ids, with the last and without the first. */
export interface Page {
  readonly after: string | undefined;
  readonly last: string;
}

type StatementName = Exclude<keyof RefreshTokenStatements, 'read'>;
type WindowColumn = 'generation' | 'windowGeneration' | 'windowStartedAt';

/**
 * The table of sessions. Each method except `insertInPlaceOf` is one statement without a transaction. So it cannot
 * deadlock, and a pool of one connection cannot hang. If the database fails, methods throw `temporarily_unavailable`.
 */
@Injectable()
export class RefreshTokenStore {
  private readonly statements: RefreshTokenStatements;
  private readonly certainty: Certainty;
  private readonly userLock: UserLock;

  constructor(database: AuthDatabase, @Inject(SESSION_ENTITY) entity: EntityClass<RefreshTokenColumns>) {
    this.statements = prepareStatements(database, entity);
    this.certainty = database.certainty;
    this.userLock = new UserLock(database);
  }

  insert(session: RefreshToken): Promise<void> {
    return unavailableOnFailure(() => this.write(session));
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
        const displaced = choose(records.map(this.statements.read));
        for (const { id } of displaced) {
          await this.statements.revoke.execute(revocation(id, revokedAt, revokedReason), runner);
        }
        await this.write(session, runner);
        return displaced;
      }),
    );
    // The statements are committed together. So the first stamp may be much older than the commit.
    if (isLate(startedAt)) for (const { id } of displaced) await this.execute('stamp', { id });
    return displaced;
  }

  /** Checks what `insertInPlaceOf` needs. @throws AuthConfigurationError */
  tryTransaction(): Promise<void> {
    return this.userLock.tryTransaction();
  }

  private async write(session: RefreshToken, runner?: QueryRunner): Promise<void> {
    const { affected } = await this.statements.insert.execute({ ...session }, runner);
    if (affected === 1) return;
    // A trigger of the host may keep the row out, or put it elsewhere.
    const { records } = await this.statements.findAll.execute({ ids: [session.id] }, runner);
    if (records.length === 0) throw new Error('The database did not store the session');
  }

  /** Absence is certain. */
  async find(id: string): Promise<RefreshToken | undefined> {
    const [session] = await this.findAll([id]);
    return session;
  }

  /** Like `find`, with all that was committed before. */
  async findCaughtUp(id: string): Promise<RefreshToken | undefined> {
    return (await this.read('findAllCaughtUp', [id])).get(id);
  }

  /** Whether the server that is asked may lag behind others. */
  mayLag(): Promise<boolean> {
    return unavailableOnFailure(() => this.certainty.mayLag());
  }

  /**
   * Like `find`, for the hot path: sessions requested at the same moment are read by one statement. An error of one id
   * fails all of them. So pass only ids from tokens that this server issued.
   */
  readonly findTogether = batchCalls((ids: readonly string[]) => this.findAll(ids));

  private async findAll(ids: readonly string[]): Promise<(RefreshToken | undefined)[]> {
    const sessions = await this.read('findAll', ids);
    const missing = ids.filter((id) => !sessions.has(id));
    if (missing.length > 0 && this.certainty.isDoubtful) {
      for (const [id, session] of await this.read('findAllCaughtUp', missing)) sessions.set(id, session);
    }
    return ids.map((id) => sessions.get(id));
  }

  private read(name: 'findAll' | 'findAllCaughtUp', ids: readonly string[]): Promise<Map<string, RefreshToken>> {
    return unavailableOnFailure(async () => {
      const { records } = await this.statements[name].execute({ ids });
      const sessions = records.map(this.statements.read);
      if (!sessions.every(({ id }) => ids.includes(id)))
        throw new UnreadableAnswer('a row has an id that was not asked for');
      return new Map(sessions.map((session) => [session.id, session]));
    });
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

  /** The last id of the next page of the table, ordered by id, until `end`. `undefined` after the last page. */
  async lastOfPage(after: string | undefined, size: number, end = LAST_SESSION): Promise<string | undefined> {
    const values = { after: after ?? NO_SESSION, size, end };
    const [last] = await this.list('lastOfPage', values, (record) => uuid(record.last, 'last'));
    return last;
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
    return this.list('floorsOfPage', { after, last, revokedAt }, toAccessFloor);
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
    return this.list('floorsOfUser', { userId, youngerThan }, toAccessFloor);
  }

  /** The seconds since then in which floors were raised, by the clock of the database. */
  async raisedSeconds(from: number): Promise<RaisedSecond[]> {
    return this.list('raisedSeconds', { from }, ({ second, count, times, floors }) => ({
      second: number(second, 'second'),
      content: [count, times, floors].join(' '),
    }));
  }

  /**
   * The floors that were raised from one time until before another, in the order of time and id. At most `size` of them.
   *
   * @param after the last floor of the previous page; it was raised at `from`
   */
  async raisedBetween(from: number, to: number, after: string | undefined, size: number): Promise<RaisedFloor[]> {
    return this.list('raisedBetween', { from, to, after: after ?? NO_SESSION, size }, (record) => ({
      ...toAccessFloor(record),
      raisedAt: number(record.raisedAt, 'raisedAt'),
    }));
  }

  /** The sessions of a user that are not revoked, most recently used first. */
  async findOfUser(userId: string): Promise<RefreshToken[]> {
    const sessions = await this.list('findOfUser', { userId }, this.statements.read);
    return sessions.sort((a, b) => b.lastUsedAt - a.lastUsedAt);
  }

  /** Like `findOfUser`, at most `size` of them in any order. */
  async findSomeOfUser(userId: string, size: number): Promise<RefreshToken[]> {
    return this.list('findSomeOfUser', { userId, size }, this.statements.read);
  }

  /**
   * The number of sessions that are not revoked, expire after `now`, and were last used after `idleSince`. It is an
   * estimate if the table has more than some thousand rows.
   */
  async countLive(now: number, idleSince: number): Promise<number> {
    const { records } = await this.execute('liveOfSample', { expiresAt: now, lastUsedAt: idleSince });
    const [{ rows, live, head, tail }] = records;
    return estimateLive({ rows: Number(rows), live: Number(live), head: String(head), tail: String(tail) });
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

  private list<T>(
    name: StatementName,
    values: StatementValues,
    read: (record: Record<string, unknown>) => T,
  ): Promise<T[]> {
    return unavailableOnFailure(async () => (await this.statements[name].execute(values)).records.map(read));
  }

  private execute(name: StatementName, values: StatementValues): Promise<StatementResult> {
    return unavailableOnFailure(() => this.statements[name].execute(values));
  }
}

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

function toAccessFloor(record: Record<string, unknown>): AccessFloor {
  return { sessionId: uuid(record.id, 'id'), floor: number(record.floor, 'floor') };
}
