import { Inject, Injectable } from '@nestjs/common';
import { type StatementResult, uuid } from '../common/database/answer.js';
import { AuthDatabase } from '../common/database/auth-database.js';
import type { EntityClass } from '../common/database/entity-class.js';
import type { RefusedRows } from '../common/database/refused-rows.js';
import { RowRemoval } from '../common/database/row-removal.js';
import { unavailableOnFailure } from '../common/database/unavailable.js';
import { NO_SESSION } from './id-range.js';
import type { RefreshTokenColumns } from './refresh-token.entity.js';
import { RefreshTokenStore, SESSION_ENTITY } from './refresh-token.store.js';

/** Time limits for removal: a session is dead if one of its times is at or before its limit. */
export type DeadBefore = Record<'expiresAt' | 'lastUsedAt' | 'revokedAt', number>;

/** The size of a part of the table. Reading it takes some milliseconds. */
const ROWS_OF_PART = 2_000;
const BLOCKS_OF_PART = 256;

/** Finds and removes the dead sessions of a table, one part of the table after the other. */
@Injectable()
export class DeadSessions {
  /** The name of the table, as in SQL. */
  readonly tableName: string;
  private readonly statements: ReturnType<DeadSessions['prepare']>;
  private readonly removal: RowRemoval;

  constructor(
    private readonly database: AuthDatabase,
    @Inject(SESSION_ENTITY) entity: EntityClass<RefreshTokenColumns>,
    private readonly store: RefreshTokenStore,
  ) {
    const { name, column } = database.table(entity);
    this.tableName = name;
    const times = (['expiresAt', 'lastUsedAt', 'revokedAt'] as const).map((time) => `${column(time)} <= :${time}`);
    // A session with an idle time of its own is dead before `:lastUsedAt` says so.
    const dead = [...times, `${column('lastUsedAt')} + ${column('idleTtl')} <= :expiresAt`].join(' OR ');
    this.statements = this.prepare(column('id'), dead);
    this.removal = new RowRemoval(database, name, column('id'), dead);
  }

  /** The ids of the dead sessions in each part of the table. */
  async *find(before: DeadBefore): AsyncGenerator<string[], void> {
    const blocks = await this.countBlocks(before);
    if (blocks > 0) yield* this.findInBlocks(blocks, before);
    else yield* this.findById(before);
  }

  /** Removes these sessions if they are still dead, with statements of at most `size` rows. Resolves to their number. */
  remove(ids: readonly string[], before: DeadBefore, size: number, refused: RefusedRows): Promise<number> {
    return this.removal.remove(ids, before, size, refused);
  }

  /**
   * The blocks of the table on disk, in their order. By primary key PostgreSQL would read a block for each row, because
   * the ids are random. A row that moves during the purge may be missed, and is found by the next one.
   */
  private async *findInBlocks(blocks: number, before: DeadBefore): AsyncGenerator<string[], void> {
    for (let block = 0; block < blocks; block += BLOCKS_OF_PART) {
      const part = { first: `(${block},0)`, end: `(${block + BLOCKS_OF_PART},0)` };
      yield idsOf(await unavailableOnFailure(() => this.statements.ofBlocks.execute({ ...part, ...before })));
    }
  }

  /** In the order of the primary key. MySQL and SQLite store the rows in it. */
  private async *findById(before: DeadBefore): AsyncGenerator<string[], void> {
    for (let after = NO_SESSION; ;) {
      const last = await this.store.lastOfPage(after, ROWS_OF_PART);
      if (last === undefined) return;
      yield idsOf(await unavailableOnFailure(() => this.statements.ofPart.execute({ after, last, ...before })));
      after = last;
    }
  }

  /** 0 if the database cannot read the table by blocks. */
  private async countBlocks(before: DeadBefore): Promise<number> {
    if (this.database.dataSource.options.type !== 'postgres') return 0;
    try {
      const { records } = await this.statements.countBlocks.execute({ table: this.tableName });
      const blocks = Number(records[0]?.blocks ?? 0);
      if (blocks > 0) await this.statements.ofBlocks.execute({ first: '(0,0)', end: '(0,0)', ...before });
      return blocks;
    } catch {
      // Another database with the protocol of PostgreSQL. If the database is away, the next statement fails as well.
      return 0;
    }
  }

  private prepare(id: string, dead: string) {
    const select = `SELECT ${id} AS id FROM ${this.tableName}`;
    return {
      // Blocks can be read as a range from PostgreSQL 14 on. A partitioned table, a view or a foreign table has none.
      countBlocks: this.database.statement(
        `SELECT pg_relation_size(c.oid) / CAST(current_setting('block_size') AS bigint) AS blocks FROM pg_class c ` +
          `JOIN pg_am a ON a.oid = c.relam WHERE c.oid = to_regclass(:table) AND c.relkind = 'r' ` +
          `AND NOT c.relhassubclass AND a.amname = 'heap' ` +
          `AND CAST(current_setting('server_version_num') AS integer) >= 140000`,
      ),
      ofBlocks: this.database.statement(
        `${select} WHERE ctid >= CAST(:first AS tid) AND ctid < CAST(:end AS tid) AND (${dead})`,
      ),
      ofPart: this.database.statement(`${select} WHERE ${id} > :after AND ${id} <= :last AND (${dead})`),
    };
  }
}

function idsOf({ records }: StatementResult): string[] {
  return records.map(({ id }) => uuid(id, 'id'));
}
