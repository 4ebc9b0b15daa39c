import { Inject, Injectable } from '@nestjs/common';
import type { QueryRunner } from 'typeorm';
import { AuthDatabase } from '../common/database/auth-database.js';
import type { EntityClass } from '../common/database/entity-class.js';
import { number, UnreadableAnswer, uuid } from '../common/database/answer.js';
import type { Certainty } from '../common/database/certainty.js';
import type { HostTransaction, InTransaction } from '../common/database/host-transaction.js';
import { isUnreadable, unavailableOnFailure } from '../common/database/unavailable.js';
import { batchCalls, togetherOrAlone } from '../common/time/batch-calls.js';
import { type AccessFloor, type RaisedFloor, type RaisedSecond, REVOKED_FLOOR } from './access-floor.js';
import { markOf } from './changed-credentials.js';
import { LAST_SESSION, NO_SESSION } from './id-range.js';
import { estimateLive } from './live-sessions.js';
import type { RefreshToken, RefreshTokenColumns } from './refresh-token.entity.js';
import type { Repetition, Rotation } from './refresh-token.statements.js';
import { inSpan, isLate, SessionTable } from './session-table.js';
import { UserLock } from './user-lock.js';
import { asRead, randomStep, revocation } from './written-values.js';

/** Injects the entity of the table of sessions. */
export const SESSION_ENTITY = Symbol('SESSION_ENTITY');

/** The rows between two ids, with the last and without the first. */
export interface Page {
  readonly after: string | undefined;
  readonly last: string;
}

type WindowColumn = 'generation' | 'windowGeneration' | 'windowStartedAt';

/**
 * The table of sessions. Each method except `insertInPlaceOf` is one statement without a transaction. So it cannot
 * deadlock, and a pool of one connection cannot hang. A method that takes a transaction of the host uses its connection.
 * If the database fails, methods throw `temporarily_unavailable`.
 */
@Injectable()
export class RefreshTokenStore {
  private readonly table: SessionTable;
  private readonly certainty: Certainty;
  private readonly userLock: UserLock;

  constructor(database: AuthDatabase, @Inject(SESSION_ENTITY) entity: EntityClass<RefreshTokenColumns>) {
    this.table = new SessionTable(database, entity);
    this.certainty = database.certainty;
    this.userLock = new UserLock(database);
  }

  /**
   * The transaction of the host that the caller takes part in, if any.
   *
   * @throws TypeError if the manager cannot be used for this table
   */
  transactionOf(given: InTransaction): Promise<HostTransaction | undefined> {
    return this.table.transactionOf(given);
  }

  insert(session: RefreshToken): Promise<void> {
    return inSpan('insert', () => this.write(session));
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
    const displaced = await inSpan('insertInPlaceOf', () =>
      this.userLock.hold(userId, async (runner) => {
        const { records } = await this.table.statements.findOfUser.execute({ userId }, runner);
        const displaced = choose(records.map(this.table.read));
        for (const { id } of displaced) {
          await this.table.statements.revoke.execute(revocation(id, revokedAt, revokedReason), runner);
        }
        await this.write(session, runner);
        return displaced;
      }),
    );
    // The statements are committed together. So the first stamp may be much older than the commit.
    if (isLate(startedAt)) for (const { id } of displaced) await this.table.execute('stamp', { id });
    return displaced;
  }

  /** Checks what `insertInPlaceOf` needs. @throws AuthConfigurationError */
  tryTransaction(): Promise<void> {
    return this.userLock.tryTransaction();
  }

  private async write(session: RefreshToken, runner?: QueryRunner): Promise<void> {
    const { affected } = await this.table.statements.insert.execute({ ...session }, runner);
    if (affected === 1) return;
    // A trigger of the host may keep the row out, or put it elsewhere.
    const { records } = await this.table.statements.findAll.execute({ ids: [session.id] }, runner);
    if (records.length === 0) throw new Error('The database did not store the session');
  }

  /** Absence is certain. A transaction locks the row. */
  async find(id: string, transaction?: HostTransaction): Promise<RefreshToken | undefined> {
    const [session] = transaction
      ? await this.table.list('findLocked', { id }, this.table.read, transaction)
      : await this.findAll([id]);
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
   * Like `find`, for the hot path: sessions requested at the same moment are read by one statement. Pass only ids from
   * tokens that this server issued.
   */
  findTogether(id: string): Promise<RefreshToken | undefined> {
    return inSpan('findTogether', () => this.findBatched(id));
  }

  private readonly findBatched = batchCalls<string, RefreshToken | undefined>((ids) =>
    togetherOrAlone(ids, (some) => this.findAll(some), isUnreadable),
  );

  private async findAll(ids: readonly string[]): Promise<(RefreshToken | undefined)[]> {
    const sessions = await this.read('findAll', ids);
    const missing = ids.filter((id) => !sessions.has(id));
    if (missing.length > 0 && this.certainty.isDoubtful) {
      for (const [id, session] of await this.read('findAllCaughtUp', missing)) sessions.set(id, session);
    }
    return ids.map((id) => sessions.get(id));
  }

  private read(name: 'findAll' | 'findAllCaughtUp', ids: readonly string[]): Promise<Map<string, RefreshToken>> {
    return inSpan(name, async () => {
      const { records } = await this.table.statements[name].execute({ ids });
      const sessions = records.map(this.table.read);
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
    const { affected } = await this.table.execute(raised ? 'adopt' : 'rotate', values);
    return affected === 1;
  }

  /** Compare-and-set, like `rotate`. The live token stays the same. */
  async repeat(before: RefreshToken, repetition: Repetition): Promise<boolean> {
    const { affected } = await this.table.execute('repeat', { ...repetition, ...asRead(before) });
    return affected === 1;
  }

  /** Lets the window of this generation start later, unless another rotation followed. */
  async postponeWindow(
    id: string,
    { generation, windowGeneration, windowStartedAt }: Pick<RefreshToken, WindowColumn>,
  ): Promise<void> {
    await this.table.execute('postponeWindow', {
      id,
      generation,
      windowGeneration,
      windowStartedAt,
      step: randomStep(),
    });
  }

  /** Resolves to `false` if the session does not exist or was already revoked. */
  async revoke(id: string, revokedAt: number, revokedReason: string, transaction?: HostTransaction): Promise<boolean> {
    const { affected } = await this.table.raise('revoke', revocation(id, revokedAt, revokedReason), transaction);
    return affected === 1;
  }

  /** Compare-and-set, like `rotate`: resolves to `false` if the session has changed since it was read. */
  async revokeUnchanged(before: RefreshToken, revokedAt: number, revokedReason: string): Promise<boolean> {
    const values = { ...asRead(before), revokedAt, revokedReason, nextFloor: REVOKED_FLOOR };
    return (await this.table.raise('revokeUnchanged', values)).affected === 1;
  }

  /** Revokes the sessions of a user, except `exceptId`. Resolves to their number. */
  async revokeAllOfUser(
    userId: string,
    revokedAt: number,
    revokedReason: string,
    exceptId: string | undefined,
    transaction?: HostTransaction,
  ): Promise<number> {
    const values = { userId, revokedAt, revokedReason, exceptId: exceptId ?? NO_SESSION, accessFloor: REVOKED_FLOOR };
    return (await this.table.raise('revokeAllOfUser', values, transaction)).affected;
  }

  /** Revokes the sessions of a user that the host has soft-deleted. Resolves to their number. */
  async revokeDeletedOfUser(userId: string, revokedAt: number, revokedReason: string): Promise<number> {
    const values = { userId, revokedAt, revokedReason, accessFloor: REVOKED_FLOOR };
    return (await this.table.raise('revokeDeletedOfUser', values)).affected;
  }

  /** Lets this session take over the user's `credentialsVersion`, which changes now. */
  async forgetCredentials(id: string, userId: string, now: number, transaction?: HostTransaction): Promise<void> {
    const mark = markOf({ at: now, endBefore: '' });
    await this.table.execute('forgetCredentials', { id, userId, mark, step: randomStep() }, transaction);
  }

  /** The last id of the next page of the table, ordered by id, until `end`. `undefined` after the last page. */
  async lastOfPage(after: string | undefined, size: number, end = LAST_SESSION): Promise<string | undefined> {
    const values = { after: after ?? NO_SESSION, size, end };
    const [last] = await this.table.list('lastOfPage', values, (record) => uuid(record.last, 'last'));
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
    return (await this.table.raise('revokePage', values)).affected;
  }

  /** The floors of the sessions of a page that were revoked at this time. */
  async floorsOfPage({ after = NO_SESSION, last }: Page, revokedAt: number): Promise<AccessFloor[]> {
    return this.table.list('floorsOfPage', { after, last, revokedAt }, toAccessFloor);
  }

  /**
   * Raises the floors of all sessions of a user above every issued access token, also above those of generations that
   * the database has lost. Resolves to the number of sessions.
   */
  async raiseFloorsOfUser(userId: string, transaction?: HostTransaction): Promise<number> {
    return (await this.table.raise('raiseFloorsOfUser', { userId }, transaction)).affected;
  }

  /** The floors of the sessions of a user that were raised less than `youngerThan` milliseconds ago. */
  async floorsOfUser(userId: string, youngerThan: number, transaction?: HostTransaction): Promise<AccessFloor[]> {
    return this.table.list('floorsOfUser', { userId, youngerThan }, toAccessFloor, transaction);
  }

  /** The seconds since then in which floors were raised, by the clock of the database. */
  async raisedSeconds(from: number): Promise<RaisedSecond[]> {
    return this.table.list('raisedSeconds', { from }, ({ second, count, times, floors }) => ({
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
    return this.table.list('raisedBetween', { from, to, after: after ?? NO_SESSION, size }, (record) => ({
      ...toAccessFloor(record),
      raisedAt: number(record.raisedAt, 'raisedAt'),
    }));
  }

  /** The sessions of a user that are not revoked, most recently used first. */
  async findOfUser(userId: string): Promise<RefreshToken[]> {
    const sessions = await this.table.list('findOfUser', { userId }, this.table.read);
    return sessions.sort((a, b) => b.lastUsedAt - a.lastUsedAt);
  }

  /** Like `findOfUser`, at most `size` of them in any order. */
  async findSomeOfUser(userId: string, size: number, transaction?: HostTransaction): Promise<RefreshToken[]> {
    return this.table.list('findSomeOfUser', { userId, size }, this.table.read, transaction);
  }

  /**
   * The number of sessions that are not revoked, expire after `now`, and were last used after `idleSince`. It is an
   * estimate if the table has more than some thousand rows.
   */
  async countLive(now: number, idleSince: number): Promise<number> {
    const { records } = await this.table.execute('liveOfSample', { expiresAt: now, lastUsedAt: idleSince });
    const [{ rows, live, head, tail }] = records;
    return estimateLive({ rows: Number(rows), live: Number(live), head: String(head), tail: String(tail) });
  }
}

function toAccessFloor(record: Record<string, unknown>): AccessFloor {
  return { sessionId: uuid(record.id, 'id'), floor: number(record.floor, 'floor') };
}
