import { createHash } from 'node:crypto';
import type { DataSource, QueryRunner } from 'typeorm';
import { withConnection } from './connection-with-timeout.js';
import { isMySql } from './dialect.js';

/** Seconds that MySQL waits for the lock. */
const LOCK_TIMEOUT = 10;
/** Milliseconds after which a connection is closed if its work has not finished. */
const LONGEST_WORK = 30_000;

/**
 * Lets one caller at a time work on the sessions of a user, across instances. It takes one connection. The work must
 * use no other connection, so that a pool of one cannot hang.
 */
export class UserLock {
  /** SQLite has one process and no locks. There the callers wait in a queue in memory. */
  private readonly lines = new Map<string, Promise<unknown>>();

  constructor(private readonly dataSource: DataSource) {}

  hold<T>(userId: string, work: (runner: QueryRunner) => Promise<T>): Promise<T> {
    const name = `nrt:${createHash('sha256').update(userId).digest('base64url')}`;
    return withConnection(this.dataSource, LONGEST_WORK, (runner) => {
      if (isMySql(this.dataSource)) return this.holdOnMySql(runner, name, work);
      if (this.dataSource.options.type === 'postgres') return this.holdOnPostgres(runner, name, work);
      return this.standInLine(name, () => work(runner));
    });
  }

  /** The lock ends with the transaction, even if a pooler shares connections between transactions. */
  private async holdOnPostgres<T>(runner: QueryRunner, name: string, work: (runner: QueryRunner) => Promise<T>) {
    await runner.startTransaction('READ COMMITTED');
    try {
      await runner.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [name]);
      const result = await work(runner);
      await runner.commitTransaction();
      return result;
    } catch (error) {
      await runner.rollbackTransaction();
      throw error;
    }
  }

  private async holdOnMySql<T>(runner: QueryRunner, name: string, work: (runner: QueryRunner) => Promise<T>) {
    const [{ held }] = await runner.query(`SELECT GET_LOCK(?, ${LOCK_TIMEOUT}) AS held`, [name]);
    if (Number(held) !== 1)
      throw new Error(`The lock for the sessions of a user was not available within ${LOCK_TIMEOUT} s`);
    try {
      return await work(runner);
    } finally {
      await runner.query('SELECT RELEASE_LOCK(?)', [name]);
    }
  }

  private async standInLine<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.lines.get(name) ?? Promise.resolve();
    const done = before.then(work, work);
    this.lines.set(name, done);
    try {
      return await done;
    } finally {
      if (this.lines.get(name) === done) this.lines.delete(name);
    }
  }
}
