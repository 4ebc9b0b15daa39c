import { createHash, randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { QueryRunner } from 'typeorm';
import type { AuthDatabase } from '../common/database/auth-database.js';
import { withConnectionRetries } from '../common/database/connection-retries.js';
import { within } from '../common/database/connection-with-timeout.js';
import { hasRowLocks } from '../common/database/dialect.js';
import { faultOf } from '../common/database/fault.js';
import type { Statement } from '../common/database/statement.js';
import { AuthConfigurationError } from '../common/errors/auth-error.js';
import { SessionLock } from './session-lock.entity.js';

/** Milliseconds for the wait, the work and all repetitions. */
const LONGEST_WORK = 30_000;
/** Milliseconds before a repetition, at most. */
const LONGEST_PAUSE = 50;
/** The number of rows. Users with the same row wait for each other for some milliseconds. */
const ROWS = 4_096;

/** What PgBouncer says to a transaction, if a client gets each connection for one statement only. */
const STATEMENT_POOLING = /statement pooling/;

type Work<T> = (runner: QueryRunner) => Promise<T>;

/**
 * Lets one caller at a time work on the sessions of a user, across instances and database nodes. It takes one
 * connection. The work must use no other connection, so that a pool of one cannot hang.
 *
 * The lock is a row that the transaction writes. Advisory locks exist on one node only. A written row also conflicts
 * between the nodes of a Galera cluster: all transactions but one fail at the commit, and are repeated as a whole. A
 * user may have no session yet, so the row is in a table of its own. It is chosen by a hash of the user id, so the table
 * does not grow.
 */
export class UserLock {
  private readonly take: Statement;
  /** SQLite has one process, and all its statements share one transaction. So callers wait in a queue in memory. */
  private readonly lines: Map<string, Promise<unknown>> | undefined;

  constructor(private readonly database: AuthDatabase) {
    const { name: table, column } = database.table(SessionLock);
    const taken = column('taken');
    const again = database.isMySql
      ? `ON DUPLICATE KEY UPDATE ${taken} = ${taken} + 1`
      : `ON CONFLICT (${column('name')}) DO UPDATE SET ${taken} = ${table}.${taken} + 1`;
    this.take = database.statement(
      `INSERT INTO ${table} (${column('name')}, ${taken}, ${column('claimedUntil')}) VALUES (:name, 1, 0) ${again}`,
    );
    this.lines = hasRowLocks(database.dataSource) ? undefined : new Map();
  }

  /** @param work is repeated from its start if its transaction loses against another one */
  async hold<T>(userId: string, work: Work<T>): Promise<T> {
    const name = lockOf(userId);
    const end = performance.now() + LONGEST_WORK;
    const onConnection = (runner: QueryRunner) =>
      this.lines ? standInLine(this.lines, name, () => work(runner)) : this.holdRow(runner, name, work);
    for (;;) {
      try {
        return await withConnectionRetries(this.database.dataSource, once(end - performance.now()), onConnection);
      } catch (error) {
        const pause = randomInt(LONGEST_PAUSE);
        if (faultOf(error) !== 'conflict' || performance.now() + pause >= end) throw error;
        await sleep(pause);
      }
    }
  }

  /** @throws AuthConfigurationError if a pooler does not allow transactions */
  async tryTransaction(): Promise<void> {
    if (this.lines) return;
    await this.database.atStart('The lock of the sessions of a user cannot be taken', (rest) =>
      withConnectionRetries(this.database.dataSource, once(rest), async (runner) => {
        await runner.startTransaction();
        await runner.rollbackTransaction();
      }).catch((error: unknown) => {
        throw STATEMENT_POOLING.test(String(error)) ? statementPooling() : error;
      }),
    );
  }

  /** The lock ends with the transaction, even if a pooler shares connections between transactions. */
  private async holdRow<T>(runner: QueryRunner, name: string, work: Work<T>): Promise<T> {
    // MySQL takes its snapshot at the first read, which comes after the lock.
    await runner.startTransaction(this.database.isMySql ? undefined : 'READ COMMITTED');
    try {
      await this.take.execute({ name }, runner);
      const result = await work(runner);
      await runner.commitTransaction();
      return result;
    } catch (error) {
      // Its own failure must not hide the reason.
      await runner.rollbackTransaction().catch(() => undefined);
      throw error;
    }
  }
}

function statementPooling(): AuthConfigurationError {
  return new AuthConfigurationError(
    'The pooler does not allow transactions, and refreshToken.maxSessionsPerUser and onNewDevice need them. Set pool_mode of the pooler ' +
      'to transaction or session.',
  );
}

/** @param limit milliseconds */
function once(limit: number) {
  return { limits: within(limit), reads: false, tries: 1 };
}

function lockOf(userId: string): string {
  return `user:${createHash('sha256').update(userId).digest().readUInt32BE() % ROWS}`;
}

async function standInLine<T>(lines: Map<string, Promise<unknown>>, name: string, work: () => Promise<T>): Promise<T> {
  const before = lines.get(name) ?? Promise.resolve();
  const done = before.then(work, work);
  lines.set(name, done);
  try {
    return await done;
  } finally {
    if (lines.get(name) === done) lines.delete(name);
  }
}
