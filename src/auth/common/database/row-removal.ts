import { AuthError } from '../errors/auth-error.js';
import { text } from './answer.js';
import type { AuthDatabase } from './auth-database.js';
import { hasRowLocks } from './dialect.js';
import { isOfRows, type RefusedRows } from './refused-rows.js';
import type { Statement, StatementValues } from './statement.js';
import { unavailableOnFailure } from './unavailable.js';

/**
 * Removes rows by their ids. It goes on if some of them cannot be removed, for example because a foreign key refers to
 * them. It does not wait for rows that another transaction has locked.
 */
export class RowRemoval {
  private readonly unlocked: Statement;
  private readonly removeAll: Statement;

  /**
   * @param id the column of the primary key
   * @param condition what must still hold for a row when it is removed
   */
  constructor(database: AuthDatabase, table: string, id: string, condition: string) {
    const chosen = `${id} IN (:...ids) AND (${condition})`;
    const skipLocked = hasRowLocks(database.dataSource) ? ' FOR UPDATE SKIP LOCKED' : '';
    // MySQL locks each row that it reads. In a small table it would read all of them, and wait for other transactions.
    const byId = database.isMySql ? `${table} FORCE INDEX (PRIMARY)` : table;
    const using = database.isMySql ? ` USING ${byId}` : '';
    this.unlocked = database.statement(`SELECT ${id} AS id FROM ${byId} WHERE ${chosen}${skipLocked}`);
    this.removeAll = database.statement(`DELETE FROM ${table}${using} WHERE ${chosen}`);
  }

  /**
   * @param values those of the condition
   * @param size rows of a statement, at most
   * @returns the number of removed rows
   * @throws AuthError `temporarily_unavailable`
   */
  async remove(ids: readonly string[], values: StatementValues, size: number, refused: RefusedRows): Promise<number> {
    let count = 0;
    for (let from = 0; from < ids.length; from += size) {
      count += await this.removePart(ids.slice(from, from + size), values, refused);
    }
    return count;
  }

  private async removePart(ids: readonly string[], values: StatementValues, refused: RefusedRows): Promise<number> {
    const { records } = await unavailableOnFailure(() => this.unlocked.execute({ ids, ...values }));
    return this.removeUnlocked(
      records.map(({ id }) => text(id, 'id')),
      values,
      refused,
    );
  }

  /**
   * If the database refuses a statement, its halves are tried, down to single rows. Their locks are not looked at again:
   * PostgreSQL reports an error a moment before it lets go of the rows.
   */
  private async removeUnlocked(ids: readonly string[], values: StatementValues, refused: RefusedRows): Promise<number> {
    if (ids.length === 0) return 0;
    try {
      return (await this.removeAll.execute({ ids, ...values })).affected;
    } catch (error) {
      if (!isOfRows(error)) throw new AuthError('temporarily_unavailable', undefined, { cause: error });
      if (ids.length > 1 && refused.isWorthSplitting) {
        const half = Math.ceil(ids.length / 2);
        const first = await this.removeUnlocked(ids.slice(0, half), values, refused);
        return first + (await this.removeUnlocked(ids.slice(half), values, refused));
      }
      refused.add(ids.length, error);
      return 0;
    }
  }
}
