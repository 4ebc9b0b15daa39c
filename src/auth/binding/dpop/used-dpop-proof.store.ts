import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { AuthDatabase } from '../../common/database/auth-database.js';
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
  private sweptAt = -Infinity;
  private sweeping: Promise<unknown> | undefined;
  private stopping = false;

  constructor(
    private readonly database: AuthDatabase,
    private readonly clock: Clock,
    private readonly config: PurgeConfig,
  ) {
    this.statements = this.prepare();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    await this.sweeping;
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
    return Number(records[0]?.expires_at ?? 0);
  }

  /** Removes expired rows, in batches. */
  async removeExpired(): Promise<void> {
    const values = { expiresAt: this.clock.now(), size: this.config.batchSize };
    let removed: number;
    do {
      removed = (await unavailableOnFailure(() => this.statements.removeExpired.execute(values))).affected;
    } while (removed > 0 && !this.stopping);
  }

  /** Runs in the background. If it fails, the next run removes the rest. */
  private sweep(now: number): void {
    if (now - this.sweptAt < SWEEP_INTERVAL) return;
    this.sweptAt = now;
    this.sweeping = this.removeExpired().catch(() => undefined);
  }

  private prepare() {
    const { isMySql } = this.database;
    const table = this.database.table(UsedDpopProof);
    const { column } = table;
    return {
      claim: this.database.statement(
        `INSERT ${isMySql ? 'IGNORE ' : ''}INTO ${table.name} (${column('id')}, ${column('expiresAt')}) ` +
          `VALUES (:id, :expiresAt)${isMySql ? '' : ' ON CONFLICT DO NOTHING'}`,
      ),
      prolong: this.database.statement(
        `UPDATE ${table.name} SET ${column('expiresAt')} = :expiresAt WHERE ${column('id')} = :id`,
      ),
      find: this.database.statement(
        `SELECT ${column('expiresAt')} AS expires_at FROM ${table.name} WHERE ${column('id')} = :id`,
      ),
      removeExpired: this.database.statement(
        // MySQL accepts a limit in a subquery only inside a derived table.
        `DELETE FROM ${table.name} WHERE ${column('id')} IN (SELECT expired.id FROM (` +
          `SELECT ${column('id')} AS id FROM ${table.name} WHERE ${column('expiresAt')} <= :expiresAt LIMIT :size) expired)`,
      ),
    };
  }
}
