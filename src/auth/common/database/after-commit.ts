import { Logger } from '@nestjs/common';
import type { DataSource, EntitySubscriberInterface, QueryRunner } from 'typeorm';
import { causeOf } from '../errors/cause-of.js';
import { withTimeout } from '../time/with-timeout.js';

/** Milliseconds for all that follows a commit. The host waits for it. */
const LONGEST_WORK = 5_000;

type Work = () => Promise<void>;

/** Does the work when the transaction of this connection has been committed, and never after a rollback. */
export function afterCommit(runner: QueryRunner, work: Work): void {
  const { connection } = runner;
  let endings = endingsOf.get(connection);
  if (!endings) endingsOf.set(connection, (endings = new TransactionEndings()));
  // A data source that is initialized again has a new list.
  if (!connection.subscribers.includes(endings)) connection.subscribers.push(endings);
  endings.add(runner, work);
}

const endingsOf = new WeakMap<DataSource, TransactionEndings>();

/** What waits for the end of a transaction. */
interface Waiting {
  /** The number of savepoints since the first work was added. It is negative after the release of an older one. */
  savepoints: number;
  works: { readonly work: Work; savepoints: number }[];
}

/** TypeORM tells it of each transaction and savepoint that ends. */
class TransactionEndings implements EntitySubscriberInterface {
  private readonly logger = new Logger('AuthDatabase');
  private readonly waiting = new WeakMap<QueryRunner, Waiting>();

  add(runner: QueryRunner, work: Work): void {
    const waiting = this.waiting.get(runner) ?? { savepoints: 0, works: [] };
    waiting.works.push({ work, savepoints: waiting.savepoints });
    this.waiting.set(runner, waiting);
  }

  afterTransactionStart({ queryRunner }: { queryRunner: QueryRunner }): void {
    const waiting = this.waiting.get(queryRunner);
    if (waiting) waiting.savepoints++;
  }

  async afterTransactionCommit({ queryRunner }: { queryRunner: QueryRunner }): Promise<void> {
    const waiting = this.waiting.get(queryRunner);
    if (!waiting) return;
    if (queryRunner.isTransactionActive) {
      // What belonged to the savepoint now belongs to the transaction around it.
      waiting.savepoints--;
      for (const one of waiting.works) one.savepoints = Math.min(one.savepoints, waiting.savepoints);
      return;
    }
    this.waiting.delete(queryRunner);
    const failed = (error: unknown) =>
      this.logger.warn(
        `A committed change could not be announced. It takes effect by polling: ${String(causeOf(error))}`,
      );
    // The host waits for this. TypeORM would take an error for a failed commit.
    await withTimeout(LONGEST_WORK, 'The work after the commit', doAll(waiting, failed)).catch(failed);
  }

  afterTransactionRollback({ queryRunner }: { queryRunner: QueryRunner }): void {
    const waiting = this.waiting.get(queryRunner);
    if (!waiting) return;
    if (!queryRunner.isTransactionActive) return void this.waiting.delete(queryRunner);
    waiting.works = waiting.works.filter(({ savepoints }) => savepoints < waiting.savepoints);
    waiting.savepoints--;
  }
}

async function doAll({ works }: Waiting, failed: (error: unknown) => void): Promise<void> {
  for (const { work } of works) await work().catch(failed);
}
