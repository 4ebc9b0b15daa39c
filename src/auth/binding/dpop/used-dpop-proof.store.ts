import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { UsedDpopProof } from './used-dpop-proof.entity.js';
import { Clock } from '../../common/time/clock.js';
import { ResolvedAuthOptions } from '../../resolve-options.js';
import { unavailableOnFailure } from '../../common/database/unavailable.js';
import { isMySql } from '../../common/database/dialect.js';
import { EntityTable } from '../../common/database/entity-table.js';
import { AUTH_DATA_SOURCE } from '../../session/refresh-token.store.js';
import { Statement } from '../../common/database/statement.js';

/** Milliseconds between two removals of what has expired, on one instance. */
const SWEEP_INTERVAL = 60_000;

/** The table of used proofs: one insert for each, and now and then a removal of those that have expired. */
@Injectable()
export class UsedDpopProofStore implements OnModuleDestroy {
  private readonly statements: ReturnType<UsedDpopProofStore['prepare']>;
  private sweptAt = -Infinity;
  private sweeping: Promise<unknown> | undefined;
  private stopping = false;

  constructor(
    @Inject(AUTH_DATA_SOURCE) private readonly dataSource: DataSource,
    private readonly clock: Clock,
    private readonly options: ResolvedAuthOptions,
  ) {
    this.statements = this.prepare();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    await this.sweeping;
  }

  /**
   * `true` for the first who asks with this id, on any instance.
   *
   * @param lifetime milliseconds for which it is remembered
   */
  async claim(id: string, lifetime: number): Promise<boolean> {
    const now = this.clock.now();
    const { affected } = await unavailableOnFailure(() =>
      this.statements.claim.execute({ id, expiresAt: now + lifetime }),
    );
    this.sweep(now);
    return affected === 1;
  }

  /** Removes what has expired, in batches. */
  async removeExpired(): Promise<void> {
    const values = { expiresAt: this.clock.now(), size: this.options.purge.batchSize };
    let removed: number;
    do {
      removed = (await unavailableOnFailure(() => this.statements.removeExpired.execute(values))).affected;
    } while (removed > 0 && !this.stopping);
  }

  /** Nobody waits for it; what it leaves, the next one takes. */
  private sweep(now: number): void {
    if (now - this.sweptAt < SWEEP_INTERVAL) return;
    this.sweptAt = now;
    this.sweeping = this.removeExpired().catch(() => undefined);
  }

  private prepare() {
    const table = new EntityTable(this.dataSource, UsedDpopProof);
    const { column } = table;
    const { preparedStatements, databaseTimeout } = this.options;
    const statement = (sql: string) => new Statement(this.dataSource, sql, preparedStatements, databaseTimeout);
    const mySql = isMySql(this.dataSource);
    return {
      claim: statement(
        `INSERT ${mySql ? 'IGNORE ' : ''}INTO ${table.name} (${column('id')}, ${column('expiresAt')}) ` +
          `VALUES (:id, :expiresAt)${mySql ? '' : ' ON CONFLICT DO NOTHING'}`,
      ),
      removeExpired: statement(
        // MySQL takes a limit in a subquery only where that is a table of its own.
        `DELETE FROM ${table.name} WHERE ${column('id')} IN (SELECT expired.id FROM (` +
          `SELECT ${column('id')} AS id FROM ${table.name} WHERE ${column('expiresAt')} <= :expiresAt LIMIT :size) expired)`,
      ),
    };
  }
}
