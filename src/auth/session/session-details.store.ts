import { Inject, Injectable } from '@nestjs/common';
import { AuthDatabase } from '../common/database/auth-database.js';
import type { EntityClass } from '../common/database/entity-class.js';
import type { HostTransaction } from '../common/database/host-transaction.js';
import type { Statement } from '../common/database/statement.js';
import { type RefreshToken, RefreshTokenColumns } from './refresh-token.entity.js';
import { SESSION_ENTITY } from './refresh-token.store.js';
import type { DetailColumns } from './session-details.js';
import { inSpan } from './session-table.js';

/**
 * Writes what a user says about a session. It writes these columns alone, and none of those that a refresh compares or
 * writes. So a refresh at the same moment neither fails nor undoes it.
 */
@Injectable()
export class SessionDetailsStore {
  private readonly statementFor: (columns: Partial<DetailColumns>) => Statement;

  constructor(database: AuthDatabase, @Inject(SESSION_ENTITY) entity: EntityClass<RefreshTokenColumns>) {
    const table = database.table(entity);
    const statements = new Map<string, Statement>();
    this.statementFor = (columns) => {
      const names = Object.keys(columns) as (keyof DetailColumns)[];
      const known = statements.get(names.join());
      if (known) return known;
      const own = table.assignments('id').concat(table.equalText('userId'));
      const statement = database.statement(
        `${table.update}${table.assignments(...names).join(', ')} ` +
          `WHERE ${own.join(' AND ')} AND ${table.column('revokedAt')} IS NULL${table.andPresent}`,
      );
      statements.set(names.join(), statement);
      return statement;
    };
  }

  /**
   * Resolves to `false` if the session has ended. On MySQL also if the row had these values already, because some
   * connections count changed rows only.
   */
  async write(
    { id, userId }: RefreshToken,
    columns: Partial<DetailColumns>,
    transaction?: HostTransaction,
  ): Promise<boolean> {
    const values = { id, userId, ...columns };
    const { affected } = await inSpan('writeDetails', () =>
      this.statementFor(columns).execute(values, transaction?.runner),
    );
    return affected === 1;
  }
}
