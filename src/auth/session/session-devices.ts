import { Inject, Injectable } from '@nestjs/common';
import type { QueryRunner } from 'typeorm';
import { number } from '../common/database/answer.js';
import { AuthDatabase } from '../common/database/auth-database.js';
import type { EntityClass } from '../common/database/entity-class.js';
import type { Statement } from '../common/database/statement.js';
import type { RefreshToken, RefreshTokenColumns } from './refresh-token.entity.js';
import { SESSION_ENTITY } from './refresh-token.store.js';
import { inSpan } from './session-table.js';
import { UserLock } from './user-lock.js';

/** What the other sessions of a user say about the device of a new one: live sessions, and dead ones until the purge. */
export type DeviceNovelty = 'known' | 'new' | 'first';

/** Tells whether a user has signed in from a device before. */
@Injectable()
export class SessionDevices {
  private readonly others: Statement;
  private readonly mark: Statement;
  private readonly lock: UserLock;

  constructor(database: AuthDatabase, @Inject(SESSION_ENTITY) entity: EntityClass<RefreshTokenColumns>) {
    const table = database.table(entity);
    const { name, column } = table;
    const [id, hash, ofUser] = [column('id'), column('deviceHash'), table.equalText('userId')];
    this.others = database.certainStatement(
      `SELECT COUNT(*) AS ${table.escape('sessions')}, ` +
        `COALESCE(SUM(CASE WHEN ${hash} IN (:...hashes) THEN 1 ELSE 0 END), 0) AS ${table.escape('known')} ` +
        // An administrator who acts as the user has used another device.
        `FROM ${name} WHERE ${ofUser} AND ${id} <> :id AND ${column('actor')} IS NULL${table.andPresent}`,
      name,
    );
    this.mark = database.statement(`${table.update}${hash} = :hash WHERE ${id} = :id AND ${ofUser}`);
    this.lock = new UserLock(database);
  }

  /**
   * Marks the session with its device. Of several sign-ins at once from one new device, one is told that it is new. A
   * session without a mark does not count, so nothing is lost if the process ends before this.
   *
   * @param hashes of the device: the first is written, all are recognised
   * @returns `undefined` if the row is gone, or its user has been forgotten
   */
  claim({ id, userId }: RefreshToken, hashes: readonly string[]): Promise<DeviceNovelty | undefined> {
    const values = { id, userId, hash: hashes[0], hashes };
    const claim = async (runner?: QueryRunner) => {
      const { affected } = await this.mark.execute(values, runner);
      return affected === 1;
    };
    return inSpan('claimDevice', async () => {
      if ((await this.noveltyOf(values)) === 'known') return (await claim()) ? 'known' : undefined;
      return this.lock.hold(userId, async (runner) => {
        const novelty = await this.noveltyOf(values, runner);
        return (await claim(runner)) ? novelty : undefined;
      });
    });
  }

  private async noveltyOf(values: Record<string, unknown>, runner?: QueryRunner): Promise<DeviceNovelty> {
    const [{ sessions, known }] = (await this.others.execute(values, runner)).records;
    if (number(known, 'known') > 0) return 'known';
    return number(sessions, 'sessions') > 0 ? 'new' : 'first';
  }
}
