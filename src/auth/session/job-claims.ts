import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AuthDatabase } from '../common/database/auth-database.js';
import { databaseTime } from '../common/database/dialect.js';
import { unavailableOnFailure } from '../common/database/unavailable.js';
import { SessionLock } from './session-lock.entity.js';

/** An instance whose timer is a little early must not skip its own next run. */
const SHARE_OF_INTERVAL = 0.9;

/**
 * Lets one of several instances do a recurring job. Who claims it first does it; the others skip it while the claim
 * holds. A claim ends by itself, so nothing is lost if the instance dies.
 */
@Injectable()
export class JobClaims {
  private readonly statements;

  constructor(database: AuthDatabase) {
    const { name: table, column } = database.table(SessionLock);
    const [name, taken, until] = [column('name'), column('taken'), column('claimedUntil')];
    const now = databaseTime(database.dataSource);
    this.statements = {
      add: database.statement(
        `INSERT ${database.isMySql ? 'IGNORE ' : ''}INTO ${table} (${name}, ${taken}, ${until}) ` +
          `VALUES (:name, 0, 0)${database.isMySql ? '' : ' ON CONFLICT DO NOTHING'}`,
      ),
      // A claim from far in the future was written when the clock of the database was wrong.
      claim: database.statement(
        `UPDATE ${table} SET ${taken} = ${taken} + 1, ${until} = ${now} + :duration ` +
          `WHERE ${name} = :name AND (${until} <= ${now} OR ${until} > ${now} + :duration)`,
      ),
    };
  }

  /**
   * Whether this instance may do the job now.
   *
   * @param of the table that the job is about, or the module
   * @param interval milliseconds between two runs of the job
   */
  async claim(job: string, of: string, interval: number): Promise<boolean> {
    const name = `${job}:${createHash('sha256').update(of).digest('base64url')}`;
    const values = { name, duration: Math.floor(interval * SHARE_OF_INTERVAL) };
    return unavailableOnFailure(async () => {
      await this.statements.add.execute(values);
      return (await this.statements.claim.execute(values)).affected === 1;
    });
  }
}
