import { Inject, Injectable } from '@nestjs/common';
import { text } from '../common/database/answer.js';
import { AuthDatabase } from '../common/database/auth-database.js';
import { equalAsBytes } from '../common/database/dialect.js';
import type { RefusedRows } from '../common/database/refused-rows.js';
import { RowRemoval } from '../common/database/row-removal.js';
import type { Statement, StatementValues } from '../common/database/statement.js';
import { unavailableOnFailure } from '../common/database/unavailable.js';
import { AuthConfigurationError, AuthError } from '../common/errors/auth-error.js';
import { MODULE_NAME } from '../common/options/module-name.js';
import type { AuthEventType } from '../events/auth-event.js';
import { AuditConfig } from './audit-options.js';
import { AuthEventRecord } from './auth-event-record.entity.js';
import { leastIdAt } from './event-id.js';

/** Rows per statement. The largest batch that fits is used, so that few statements must be prepared. */
const BATCHES = [64, 8, 1] as const;
export const LARGEST_BATCH = BATCHES[0];

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

  /**
   * The events of a user, latest first.
   *
   * @param refreshesUntil milliseconds since the Unix epoch; later refreshes are left out
   */
  async ofUser(
    userId: string,
    {
      sessionId,
      before = LAST_ID,
      limit,
      refreshesUntil = Number.MAX_SAFE_INTEGER,
    }: { sessionId?: string; before?: string; limit: number; refreshesUntil?: number },
  ): Promise<AuthEventRecord[]> {
    const statement = sessionId === undefined ? this.open.ofUser : this.open.ofSession;
    const values = { realm: this.realm, userId, sessionId, before, limit, refreshesUntil };
    return unavailableOnFailure(async () => this.open.rows((await statement.execute(values)).records));
  }

  /** The ids of the next events that happened before `time`, in their order. */
  async oldest(time: number, after: string | undefined, size: number): Promise<string[]> {
    const values = { realm: this.realm, after: after ?? '', least: leastIdAt(time), limit: size };
    return unavailableOnFailure(async () => {
      const { records } = await this.open.oldest.execute(values);
      return records.map(({ id }) => text(id, 'id'));
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
    const select = `SELECT ${columns.map((name) => `${column(name)} AS ${table.escape(name)}`).join(', ')} FROM ${table.name}`;
    const ofRealm = `${column('realm')} = :realm`;
    const ofUser = `${ofRealm} AND ${column('userId')} = :userId${isMySql ? ` AND ${equalAsBytes(column('userId'), ':userId')}` : ''}`;
    // Left out here and not afterwards, so that pages are full.
    const told = `(${column('type')} NOT IN (${REFRESHES}) OR ${column('at')} <= :refreshesUntil)`;
    const page = `${told} AND ${column('id')} < :before ORDER BY ${column('id')} DESC LIMIT :limit`;
    const [verb, whenThere] = isMySql ? ['INSERT IGNORE', ''] : ['INSERT', ' ON CONFLICT DO NOTHING'];
    const row = (index: number) => `(${columns.map((name) => `:${name}_${index}`).join(', ')})`;
    const insert = (size: number) =>
      statement(
        `${verb} INTO ${table.name} (${columns.map(column).join(', ')}) VALUES ` +
          `${Array.from({ length: size }, (_, index) => row(index)).join(', ')}${whenThere}`,
      );

    return {
      rows: (records: Record<string, unknown>[]) => records.map((record) => table.rows.read(record)),
      insert: { 64: insert(64), 8: insert(8), 1: insert(1) } satisfies Record<(typeof BATCHES)[number], Statement>,
      ofUser: statement(`${select} WHERE ${ofUser} AND ${page}`),
      ofSession: statement(`${select} WHERE ${ofUser} AND ${column('sessionId')} = :sessionId AND ${page}`),
      oldest: statement(
        `SELECT ${column('id')} AS ${table.escape('id')} FROM ${table.name} WHERE ${ofRealm} AND ${column('id')} > :after ` +
          `AND ${column('id')} < :least ORDER BY ${column('id')} LIMIT :limit`,
      ),
      removal: new RowRemoval(this.database, table.name, column('id'), ofRealm),
    };
  }
}

/** Sorts after every id. */
const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** The types of the events that tell when a session was refreshed. */
const REFRESHES = (['refreshed', 'refresh_repeated'] satisfies AuthEventType[]).map((type) => `'${type}'`).join(', ');
