import { Inject, Injectable } from '@nestjs/common';
import { text } from '../common/database/answer.js';
import { AuthDatabase } from '../common/database/auth-database.js';
import type { RefusedRows } from '../common/database/refused-rows.js';
import { RowRemoval } from '../common/database/row-removal.js';
import type { Statement, StatementValues } from '../common/database/statement.js';
import { unavailableOnFailure } from '../common/database/unavailable.js';
import { AuthConfigurationError, AuthError } from '../common/errors/auth-error.js';
import { MODULE_NAME } from '../common/options/module-name.js';
import { AuditConfig } from './audit-options.js';
import type { CheckedQuery } from './auth-event-query.js';
import { AuthEventRecord } from './auth-event-record.entity.js';
import { leastIdAt } from './event-id.js';
import { EventSearch } from './event-search.js';

/** Rows per statement. The largest batch that fits is used, so that few statements must be prepared. */
const BATCHES = [64, 8, 1] as const;
export const LARGEST_BATCH = BATCHES[0];

/** An event that is to be erased. */
export type EventOfUser = Pick<AuthEventRecord, 'id' | 'sessionId'>;

/** A new event. The store adds the `realm`. */
export type NewAuthEvent = Omit<AuthEventRecord, 'realm'>;

/**
 * The table of events. Each `AuthModule` sees only its own events. Each method is one statement, except `insert`, whose
 * statements can be repeated.
 */
@Injectable()
export class AuthEventStore {
  /** The name of the `AuthModule` of the events. */
  readonly realm: string;
  private statements: ReturnType<AuthEventStore['prepare']> | undefined;

  constructor(
    private readonly database: AuthDatabase,
    config: AuditConfig,
    @Inject(MODULE_NAME) name: string | undefined,
  ) {
    this.realm = name ?? '';
    if (!config.store) return;
    if (!database.dataSource.hasMetadata(AuthEventRecord)) {
      throw new AuthConfigurationError(
        'audit.store needs its table: give the data source refreshTokenEntities and refreshTokenMigrations.',
      );
    }
    this.statements = this.prepare();
  }

  /** Whether events are stored. */
  get isOpen(): boolean {
    return this.statements !== undefined;
  }

  /** Writes events, and skips those that already exist. */
  async insert(records: readonly NewAuthEvent[]): Promise<void> {
    for (let from = 0; from < records.length;) {
      const size = BATCHES.find((size) => size <= records.length - from)!;
      const values: StatementValues = {};
      records.slice(from, from + size).forEach((record, row) => {
        for (const [name, value] of Object.entries({ ...record, realm: this.realm })) values[`${name}_${row}`] = value;
      });
      await this.open.insert[size].execute(values);
      from += size;
    }
  }

  /** The events that match, latest first: see `EventSearch`. */
  async find(query: CheckedQuery, recent: number): Promise<AuthEventRecord[]> {
    const { search } = this.open;
    return unavailableOnFailure(() => search.find(this.realm, query, recent));
  }

  /** The ids of the next events that happened before `time`, in their order. */
  async oldest(time: number, after: string | undefined, size: number): Promise<string[]> {
    const values = { realm: this.realm, after: after ?? '', least: leastIdAt(time), limit: size };
    return unavailableOnFailure(async () => {
      const { records } = await this.open.oldest.execute(values);
      return records.map(({ id }) => text(id, 'id'));
    });
  }

  /** Some of the events of a user. */
  ofUser(userId: string, limit: number): Promise<EventOfUser[]> {
    return this.some('ofUser', { userId, limit });
  }

  /** Some of the events of these sessions that name no user. */
  withoutUser(sessions: readonly string[], limit: number): Promise<EventOfUser[]> {
    return this.some('withoutUser', { sessions, limit });
  }

  /** Some of the failed logins with these hashes of the account. */
  ofAccounts(accounts: readonly string[], limit: number): Promise<EventOfUser[]> {
    return this.some('ofAccounts', { accounts, limit });
  }

  private some(name: 'ofUser' | 'withoutUser' | 'ofAccounts', values: StatementValues): Promise<EventOfUser[]> {
    return unavailableOnFailure(async () => {
      const { records } = await this.open[name].execute({ realm: this.realm, ...values });
      return records.map(({ id, session }) => ({ id: text(id, 'id'), sessionId: session as string | null }));
    });
  }

  /** Removes events. Resolves to their number. */
  remove(ids: readonly string[], refused: RefusedRows): Promise<number> {
    return this.open.removal.remove(ids, { realm: this.realm }, ids.length, refused);
  }

  private get open(): NonNullable<AuthEventStore['statements']> {
    if (this.statements) return this.statements;
    throw new AuthError('not_found', 'This server does not store events.');
  }

  private prepare() {
    const { isMySql } = this.database;
    const table = this.database.table(AuthEventRecord);
    const { column, columns } = table;
    const statement = (sql: string) => this.database.statement(sql);
    const ofRealm = `${column('realm')} = :realm`;
    const some = (condition: string) =>
      statement(
        `SELECT ${column('id')} AS ${table.escape('id')}, ${column('sessionId')} AS ${table.escape('session')} ` +
          `FROM ${table.name} WHERE ${ofRealm} AND ${condition} LIMIT :limit`,
      );
    const [verb, whenThere] = isMySql ? ['INSERT IGNORE', ''] : ['INSERT', ' ON CONFLICT DO NOTHING'];
    const row = (index: number) => `(${columns.map((name) => `:${name}_${index}`).join(', ')})`;
    const insert = (size: number) =>
      statement(
        `${verb} INTO ${table.name} (${columns.map(column).join(', ')}) VALUES ` +
          `${Array.from({ length: size }, (_, index) => row(index)).join(', ')}${whenThere}`,
      );

    return {
      search: new EventSearch(this.database, table),
      insert: { 64: insert(64), 8: insert(8), 1: insert(1) } satisfies Record<(typeof BATCHES)[number], Statement>,
      oldest: statement(
        `SELECT ${column('id')} AS ${table.escape('id')} FROM ${table.name} WHERE ${ofRealm} AND ${column('id')} > :after ` +
          `AND ${column('id')} < :least ORDER BY ${column('id')} LIMIT :limit`,
      ),
      ofUser: some(table.equalText('userId')),
      withoutUser: some(`${column('userId')} IS NULL AND ${column('sessionId')} IN (:...sessions)`),
      ofAccounts: some(`${column('account')} IN (:...accounts)`),
      removal: new RowRemoval(this.database, table.name, column('id'), ofRealm),
    };
  }
}
