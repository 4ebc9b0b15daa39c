import type { AuthDatabase } from '../common/database/auth-database.js';
import type { EntityTable } from '../common/database/entity-table.js';
import type { Statement, StatementValues } from '../common/database/statement.js';
import type { AuthEventType } from '../events/auth-event.js';
import type { CheckedQuery } from './auth-event-query.js';
import type { AuthEventRecord } from './auth-event-record.entity.js';
import { leastIdAt } from './event-id.js';

/** Sorts after every id. */
export const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** The types of the events that tell when a session was refreshed. */
export const REFRESHES: readonly AuthEventType[] = ['refreshed', 'refresh_repeated'];

/**
 * Finds events. Each combination of filters has its own statement, prepared when it is first used. Ids begin with the time,
 * so times are a range of ids, and the indexes serve both.
 */
export class EventSearch {
  private readonly statements = new Map<string, Statement>();

  constructor(
    private readonly database: AuthDatabase,
    private readonly table: EntityTable<AuthEventRecord>,
  ) {}

  /**
   * The events that match, latest first.
   *
   * @param recent milliseconds since the Unix epoch; a query may leave out refreshes after this time
   */
  async find(realm: string, query: CheckedQuery, recent: number): Promise<AuthEventRecord[]> {
    const { accounts, since = 0, until, before = LAST_ID } = query;
    if (accounts?.length === 0) return [];
    const end = until === undefined ? LAST_ID : leastIdAt(until);
    const values: StatementValues = { ...query, realm, recent };
    values.first = leastIdAt(since);
    values.end = before < end ? before : end;
    accounts?.forEach((account, index) => (values[`account_${index}`] = account));
    const { records } = await this.statementFor(query).execute(values);
    return records.map((record) => this.table.rows.read(record));
  }

  private statementFor(query: CheckedQuery): Statement {
    const conditions = this.conditionsOf(query).join(' AND ');
    const known = this.statements.get(conditions);
    if (known) return known;
    const { table } = this;
    const { column, columns, name } = table;
    const selected = columns.map((property) => `${column(property)} AS ${table.escape(property)}`).join(', ');
    const statement = this.database.statement(
      `SELECT ${selected} FROM ${name} WHERE ${conditions} ORDER BY ${column('id')} DESC LIMIT :limit`,
    );
    this.statements.set(conditions, statement);
    return statement;
  }

  private conditionsOf({ types, accounts, withoutRecentRefreshes, ...filters }: CheckedQuery): string[] {
    const { column } = this.table;
    const conditions = [`${column('realm')} = :realm`, `${column('id')} >= :first`, `${column('id')} < :end`];
    for (const name of ['userId', 'sessionId', 'ip', 'outcome', 'actor'] as const) {
      if (filters[name] !== undefined) conditions.push(this.table.equalText(name));
    }
    if (types) conditions.push(`${column('type')} IN (:...types)`);
    if (accounts)
      conditions.push(`${column('account')} IN (${accounts.map((_, index) => `:account_${index}`).join(', ')})`);
    // Left out here and not afterwards, so that pages are full.
    if (withoutRecentRefreshes)
      conditions.push(
        `(${column('type')} NOT IN (${REFRESHES.map((type) => `'${type}'`).join(', ')}) OR ${column('at')} <= :recent)`,
      );
    return conditions;
  }
}
