import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { number, text } from '../../common/database/answer.js';
import { AuthDatabase } from '../../common/database/auth-database.js';
import { RefusedRows } from '../../common/database/refused-rows.js';
import { RowRemoval } from '../../common/database/row-removal.js';
import { unavailableOnFailure } from '../../common/database/unavailable.js';
import { Clock } from '../../common/time/clock.js';
import { PurgeConfig } from '../../session/session-options.js';
import { UsedDpopProof } from './used-dpop-proof.entity.js';

/** Milliseconds by which the clocks of other instances may lag. */
export const CLOCK_SKEW = 5_000;
/** Milliseconds between two removals of expired rows, per instance. */
const SWEEP_INTERVAL = 60_000;

/** The table of used proofs. Each proof is one insert. Expired rows are removed once a minute. */
@Injectable()
export class UsedDpopProofStore implements OnModuleDestroy {
  private readonly statements: ReturnType<UsedDpopProofStore['prepare']>;
  private readonly logger = new Logger(UsedDpopProofStore.name);
  private sweptAt = -Infinity;
  private stopping = false;

  constructor(
    private readonly database: AuthDatabase,
    private readonly clock: Clock,
    private readonly config: PurgeConfig,
  ) {
    this.statements = this.prepare();
  }

  onModuleDestroy(): void {
    this.stopping = true;
  }

  /**
   * Resolves to `true` for the first call with this id on any instance.
   *
   * @param lifetime milliseconds for which the table remembers the id
   */
  async claim(id: string, lifetime: number): Promise<boolean> {
    const now = this.clock.now();
    const { affected } = await unavailableOnFailure(() =>
      this.statements.claim.execute({ id, expiresAt: now + lifetime }),
    );
    this.sweep(now);
    return affected === 1;
  }

  /** Keeps a row with this id for this number of milliseconds from now on. */
  async keep(id: string, lifetime: number): Promise<void> {
    const values = { id, expiresAt: this.clock.now() + lifetime };
    await unavailableOnFailure(async () => {
      await this.statements.prolong.execute(values);
      await this.statements.claim.execute(values);
    });
  }

  /** The time until which the row with this id is kept; 0 if it does not exist. */
  async keptUntil(id: string): Promise<number> {
    const { records } = await unavailableOnFailure(() => this.statements.find.execute({ id }));
    return records.length === 0 ? 0 : number(records[0].expires_at, 'expires_at');
  }

  /** Removes expired rows, in batches. Rows that cannot be removed are tried again by the next run. */
  async removeExpired(): Promise<void> {
    const { batchSize: size } = this.config;
    const expired = { now: this.clock.now() };
    const refused = new RefusedRows();
    let last = { expiresAt: -1, id: '' };
    while (!this.stopping) {
      const { records } = await unavailableOnFailure(() =>
        this.statements.expired.execute({ ...expired, ...last, size }),
      );
      if (records.length === 0) break;
      const ids = records.map(({ id }) => text(id, 'id'));
      await this.statements.removal.remove(ids, expired, size, refused);
      last = { expiresAt: Number(records.at(-1)!.time), id: ids.at(-1)! };
    }
    refused.report(this.logger, 'used DPoP proofs could not be removed. The next purge tries them again');
  }

  /** Runs in the background. If it fails, the next run removes the rest. */
  private sweep(now: number): void {
    if (this.stopping || now - this.sweptAt < SWEEP_INTERVAL) return;
    this.sweptAt = now;
    void this.removeExpired().catch(() => undefined);
  }

  private prepare() {
    const { isMySql } = this.database;
    const table = this.database.table(UsedDpopProof);
    const [id, expiresAt] = [table.column('id'), table.column('expiresAt')];
    const expired = `${expiresAt} <= :now`;
    return {
      claim: this.database.statement(
        `INSERT ${isMySql ? 'IGNORE ' : ''}INTO ${table.name} (${id}, ${expiresAt}) ` +
          `VALUES (:id, :expiresAt)${isMySql ? '' : ' ON CONFLICT DO NOTHING'}`,
      ),
      prolong: this.database.statement(`UPDATE ${table.name} SET ${expiresAt} = :expiresAt WHERE ${id} = :id`),
      find: this.database.statement(`SELECT ${expiresAt} AS expires_at FROM ${table.name} WHERE ${id} = :id`),
      expired: this.database.statement(
        `SELECT ${id} AS id, ${expiresAt} AS time FROM ${table.name} WHERE ${expired} AND ${expiresAt} >= :expiresAt ` +
          `AND (${expiresAt} > :expiresAt OR ${id} > :id) ORDER BY ${expiresAt}, ${id} LIMIT :size`,
      ),
      removal: new RowRemoval(this.database, table.name, id, expired),
    };
  }
}
