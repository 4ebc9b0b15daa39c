import { Injectable } from '@nestjs/common';
import { Clock } from '../../../auth/common/time/clock.js';
import {
  type AccessFloor,
  type RaisedFloor,
  type RaisedSecond,
  REVOKED_FLOOR,
} from '../../../auth/session/access-floor.js';
import { endOf, markOf } from '../../../auth/session/changed-credentials.js';
import { LAST_SESSION, NO_SESSION } from '../../../auth/session/id-range.js';
import type { RefreshToken } from '../../../auth/session/refresh-token.entity.js';
import { REPEATED, type Repetition, ROTATED, type Rotation } from '../../../auth/session/refresh-token.statements.js';
import type { Page, RefreshTokenStore } from '../../../auth/session/refresh-token.store.js';
import { randomStep } from '../../../auth/session/written-values.js';
import { isLive, MemorySessions } from './memory-sessions.js';

type Window = Pick<RefreshToken, 'generation' | 'windowGeneration' | 'windowStartedAt'>;

/**
 * Does what `RefreshTokenStore` does with its table, in memory. Each method finishes without a wait, so it is as atomic as
 * a statement. A transaction of the host does not count: a change applies at once.
 */
@Injectable()
export class MemoryRefreshTokenStore implements Pick<RefreshTokenStore, keyof RefreshTokenStore> {
  constructor(
    private readonly sessions: MemorySessions,
    private readonly clock: Clock,
  ) {}

  async transactionOf(): Promise<undefined> {
    return undefined;
  }

  async tryTransaction(): Promise<void> {}

  async mayLag(): Promise<boolean> {
    return false;
  }

  async insert(session: RefreshToken): Promise<void> {
    this.sessions.add(session);
  }

  async insertInPlaceOf(
    session: RefreshToken,
    revokedReason: string,
    choose: (others: RefreshToken[]) => RefreshToken[],
  ): Promise<RefreshToken[]> {
    const displaced = choose(this.ofUser(session.userId).map(copy));
    for (const { id } of displaced) await this.revoke(id, session.createdAt, revokedReason);
    this.sessions.add(session);
    return displaced;
  }

  async find(id: string): Promise<RefreshToken | undefined> {
    const row = this.sessions.one(id);
    return row && copy(row);
  }

  findCaughtUp(id: string): Promise<RefreshToken | undefined> {
    return this.find(id);
  }

  findTogether(id: string): Promise<RefreshToken | undefined> {
    return this.find(id);
  }

  async rotate(before: RefreshToken, rotation: Rotation): Promise<boolean> {
    const row = this.asRead(before);
    if (!row) return false;
    const { generation, accessFloor } = rotation;
    if (accessFloor !== before.accessFloor) row.floorRaisedAt = this.clock.now();
    Object.assign(row, { generation, accessFloor }, only(ROTATED, rotation));
    row.listsVersion += randomStep();
    return true;
  }

  async repeat(before: RefreshToken, repetition: Repetition): Promise<boolean> {
    const row = this.asRead(before);
    if (!row) return false;
    Object.assign(row, only(REPEATED, repetition));
    row.listsVersion += randomStep();
    return true;
  }

  async postponeWindow(id: string, { generation, windowGeneration, windowStartedAt }: Window): Promise<void> {
    const isEarlier = (row: RefreshToken) => row.generation === generation && row.windowStartedAt < windowStartedAt;
    const row = this.sessions.one(id, isEarlier);
    if (!row) return;
    Object.assign(row, { windowGeneration, windowStartedAt });
    row.listsVersion += randomStep();
  }

  async revoke(id: string, revokedAt: number, revokedReason: string): Promise<boolean> {
    return this.revokeAll([this.sessions.one(id, isLive)], revokedAt, revokedReason) === 1;
  }

  async revokeUnchanged(before: RefreshToken, revokedAt: number, revokedReason: string): Promise<boolean> {
    return this.revokeAll([this.asRead(before)], revokedAt, revokedReason) === 1;
  }

  async revokeAllOfUser(
    userId: string,
    revokedAt: number,
    revokedReason: string,
    exceptId: string | undefined,
  ): Promise<number> {
    const others = this.ofUser(userId).filter(({ id }) => id !== exceptId);
    return this.revokeAll(others, revokedAt, revokedReason);
  }

  /** The host cannot have soft-deleted rows that are in memory. */
  async revokeDeletedOfUser(): Promise<number> {
    return 0;
  }

  async forgetCredentials(id: string, userId: string, now: number): Promise<void> {
    const row = this.sessions.one(id, (row) => row.userId === userId && isLive(row));
    if (!row) return;
    row.credentialsHash = markOf({ at: now, endBefore: endOf(row.credentialsHash ?? '') });
    row.listsVersion += randomStep();
  }

  async lastOfPage(after: string | undefined, size: number, end = LAST_SESSION): Promise<string | undefined> {
    return this.ofPage({ after, last: end }).slice(0, size).at(-1)?.id;
  }

  async revokePage(
    page: Page,
    before: Pick<RefreshToken, 'lastUsedAt' | 'createdAt'>,
    revokedAt: number,
    revokedReason: string,
  ): Promise<number> {
    const found = this.ofPage(page).filter(
      (row) => isLive(row) && row.lastUsedAt < before.lastUsedAt && row.createdAt < before.createdAt,
    );
    return this.revokeAll(found, revokedAt, revokedReason);
  }

  async floorsOfPage(page: Page, revokedAt: number): Promise<AccessFloor[]> {
    return this.ofPage(page)
      .filter((row) => row.revokedAt === revokedAt)
      .map(floorOf);
  }

  async raiseFloorsOfUser(userId: string): Promise<number> {
    const now = this.clock.now();
    const rows = this.ofUser(userId);
    for (const row of rows) {
      row.accessFloor = Math.max(row.generation + 1, row.accessFloor + 1, secondOf(now));
      row.floorRaisedAt = now;
    }
    return rows.length;
  }

  async floorsOfUser(userId: string, youngerThan: number): Promise<AccessFloor[]> {
    const since = this.clock.now() - youngerThan;
    return this.raised((row) => row.userId === userId && row.raisedAt > since).map(floorOf);
  }

  async raisedSeconds(from: number): Promise<RaisedSecond[]> {
    const rows = this.raised(({ raisedAt }) => raisedAt >= from);
    return [...new Set(rows.map(({ raisedAt }) => secondOf(raisedAt)))].map((second) => {
      const inIt = rows.filter(({ raisedAt }) => secondOf(raisedAt) === second);
      const sum = (values: number[]) => values.reduce((total, value) => total + BigInt(value), 0n);
      const content = [inIt.length, sum(inIt.map(({ raisedAt }) => raisedAt)), sum(inIt.map((row) => row.accessFloor))];
      return { second, content: content.join(' ') };
    });
  }

  async raisedBetween(from: number, to: number, after = NO_SESSION, size = Infinity): Promise<RaisedFloor[]> {
    return this.raised(({ raisedAt, id }) => raisedAt < to && (raisedAt > from || (raisedAt === from && id > after)))
      .sort((one, other) => one.raisedAt - other.raisedAt)
      .slice(0, size)
      .map((row) => ({ ...floorOf(row), raisedAt: row.raisedAt }));
  }

  async findOfUser(userId: string): Promise<RefreshToken[]> {
    return this.ofUser(userId)
      .map(copy)
      .sort((one, other) => other.lastUsedAt - one.lastUsedAt);
  }

  async findSomeOfUser(userId: string, size: number): Promise<RefreshToken[]> {
    return this.ofUser(userId).slice(0, size).map(copy);
  }

  async countLive(now: number, idleSince: number): Promise<number> {
    const isIdle = ({ lastUsedAt, idleTtl }: RefreshToken) =>
      lastUsedAt <= idleSince || (idleTtl !== null && lastUsedAt + idleTtl <= now);
    return this.sessions.where((row) => isLive(row) && row.expiresAt > now && !isIdle(row)).length;
  }

  private ofUser(userId: string): RefreshToken[] {
    return this.sessions.where((row) => row.userId === userId && isLive(row));
  }

  private ofPage({ after = NO_SESSION, last }: Page): RefreshToken[] {
    return this.sessions.where(({ id }) => id > after && id <= last);
  }

  private asRead({ id, generation, listsVersion, accessFloor }: RefreshToken): RefreshToken | undefined {
    return this.sessions.one(
      id,
      (row) =>
        isLive(row) &&
        row.generation === generation &&
        row.listsVersion === listsVersion &&
        row.accessFloor === accessFloor,
    );
  }

  private raised(holds: (row: RefreshToken & { raisedAt: number }) => boolean) {
    return this.sessions
      .where()
      .flatMap((row) => (row.floorRaisedAt === null ? [] : [{ ...row, raisedAt: row.floorRaisedAt }]))
      .filter(holds);
  }

  private revokeAll(rows: (RefreshToken | undefined)[], revokedAt: number, revokedReason: string): number {
    const found = rows.filter((row) => row !== undefined);
    const floor = { accessFloor: REVOKED_FLOOR, floorRaisedAt: this.clock.now() };
    for (const row of found) Object.assign(row, { revokedAt, revokedReason, ...floor });
    return found.length;
  }
}

const copy = (row: RefreshToken): RefreshToken => ({ ...row });

const secondOf = (time: number) => Math.floor(time / 1000);

function floorOf({ id, accessFloor }: RefreshToken): AccessFloor {
  return { sessionId: id, floor: accessFloor };
}

function only<Name extends keyof RefreshToken>(
  names: readonly Name[],
  row: Pick<RefreshToken, Name>,
): Pick<RefreshToken, Name> {
  return Object.fromEntries(names.map((name) => [name, row[name]])) as Pick<RefreshToken, Name>;
}
