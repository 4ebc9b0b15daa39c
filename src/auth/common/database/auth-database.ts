import type { OnModuleInit } from '@nestjs/common';
import type { DataSource, ObjectLiteral, QueryRunner } from 'typeorm';
import { boolean } from '../options/checks.js';
import { configOf } from '../options/config.js';
import { duration } from '../options/duration.js';
import type { TimeMeasurement } from '../time/measured-time.js';
import { number, type StatementResult } from './answer.js';
import { Certainty } from './certainty.js';
import { withConnectionRetries } from './connection-retries.js';
import { endWork, within } from './connection-with-timeout.js';
import { databaseTime, isMySql } from './dialect.js';
import type { EntityClass } from './entity-class.js';
import { EntityTable } from './entity-table.js';
import { type HostTransaction, hostTransaction, type InTransaction } from './host-transaction.js';
import { atStart } from './start.js';
import { Statement, type StatementValues } from './statement.js';
import { checkEngine } from './supported-engine.js';
import { findTableSchemas, type TableSchemas } from './table-schemas.js';
import { unavailableOnFailure } from './unavailable.js';

/** Database options. */
export class DatabaseOptions {
  /**
   * How long the database may take to answer a SELECT. After that the connection is closed, and the request is answered with 503.
   * Statements that write get six times this limit.
   */
  databaseTimeout = '5s';
  /**
   * How long the application tries to reach the tables when it starts. After that the start fails. It must be shorter than
   * the time that your platform gives the application to start.
   */
  databaseStartTimeout = '30s';
  /**
   * Whether PostgreSQL gets named prepared statements. The module switches them off, with a warning, if it notices a
   * pooler that does not support them.
   */
  preparedStatements = true;
}

export class DatabaseConfig extends configOf('', DatabaseOptions, {
  databaseTimeout: duration('100ms', '60s'),
  databaseStartTimeout: duration('1s', '10m'),
  preparedStatements: boolean,
}) {}

/** Injects the `DataSource` that holds the sessions. */
export const AUTH_DATA_SOURCE = Symbol('AUTH_DATA_SOURCE');

/** Milliseconds. All databases return their time as a whole number of them. */
const RESOLUTION = 1;

/** Milliseconds that a stop waits for statements in progress. */
const LAST_STATEMENTS = 1_000;

/** Gets the time at which a failed statement began, by the monotonic clock. */
type FailureListener = (startedAt: number) => void;

/** The host's data source, and the statements that the stores prepare on it. */
export class AuthDatabase implements OnModuleInit {
  readonly certainty: Certainty;
  /** By their names. */
  private readonly tables = new Map<string, Pick<EntityTable<ObjectLiteral>, 'name' | 'probe'>>();
  private readonly time: Statement;
  private readonly listeners: FailureListener[] = [];
  private readonly ends: (() => void | Promise<void>)[] = [];

  /**
   * @throws AuthConfigurationError if the engine is not supported
   * @throws AuthError `temporarily_unavailable` if the database cannot be reached within `databaseStartTimeout`
   */
  static async on(dataSource: DataSource, config: DatabaseConfig): Promise<AuthDatabase> {
    checkEngine(dataSource);
    const schemas = await atStart(config, 'The tables cannot be looked up', () =>
      findTableSchemas(dataSource, config.databaseTimeout),
    );
    return new AuthDatabase(dataSource, config, schemas);
  }

  /** Use `on`. */
  constructor(
    readonly dataSource: DataSource,
    private readonly config: DatabaseConfig,
    private readonly schemas: TableSchemas,
  ) {
    this.certainty = new Certainty(dataSource);
    this.time = this.statement(`SELECT ${databaseTime(dataSource)} AS measured`);
  }

  get isMySql(): boolean {
    return isMySql(this.dataSource);
  }

  table<Entity extends ObjectLiteral>(entity: EntityClass<Entity>): EntityTable<Entity> {
    const table = new EntityTable(this.dataSource, entity, this.schemas);
    this.tables.set(table.name, table);
    return table;
  }

  /**
   * Looks at each table, so that no request has to find out that one is missing.
   *
   * @throws AuthConfigurationError
   */
  async onModuleInit(): Promise<void> {
    for (const { name, probe } of this.tables.values()) {
      await this.atStart('A table cannot be read', () => this.certainStatement(probe, name).execute({}));
    }
  }

  /**
   * Tries again for the option `databaseStartTimeout`.
   *
   * @param failure what fails, for the log
   * @param attempt its argument is the rest of the time in milliseconds
   * @throws AuthConfigurationError for a reason that does not pass: for example, a table does not exist
   * @throws AuthError `temporarily_unavailable`
   */
  atStart<T>(failure: string, attempt: (remaining: number) => Promise<T>): Promise<T> {
    return atStart(this.config, failure, attempt);
  }

  /** @param timeout milliseconds; by default the option `databaseTimeout` */
  statement(sql: string, timeout = this.config.databaseTimeout): Statement {
    return new WatchedStatement(this.dataSource, sql, this.config.preparedStatements, timeout, this.failed);
  }

  /**
   * Like `statement`. It sees all that was committed before, and fails on a connection that does not.
   *
   * @param table the name of its table in SQL
   */
  certainStatement(sql: string, table: string): Statement {
    const { dataSource, config, certainty, failed } = this;
    const { preparedStatements, databaseTimeout } = config;
    return new CertainStatement(dataSource, sql, preparedStatements, databaseTimeout, failed, certainty, table);
  }

  private readonly failed: FailureListener = (startedAt) => this.listeners.forEach((listener) => listener(startedAt));

  /**
   * The transaction of the host that this manager is in; `undefined` if it has no connection of its own.
   *
   * @param table the name in SQL of the table that the call works on
   * @throws TypeError if no statement of this library can run there
   */
  transactionOf({ manager }: InTransaction, table: string): Promise<HostTransaction | undefined> {
    return hostTransaction(manager, this.dataSource, this.certainty, table);
  }

  /** @param end ends what still uses the database on its own when the server has closed */
  onClose(end: () => void | Promise<void>): void {
    this.ends.push(end);
  }

  /**
   * The server has closed. Ends what uses the database on its own, waits a second for the statements in progress, and
   * gives up the others.
   */
  async close(): Promise<void> {
    await Promise.allSettled(this.ends.map(async (end) => end()));
    await endWork(this.dataSource, LAST_STATEMENTS);
  }

  /** Calls the listener each time a statement fails. */
  onFailure(listener: FailureListener): void {
    this.listeners.push(listener);
  }

  /**
   * Asks the database for its time.
   *
   * @throws AuthError `temporarily_unavailable`
   */
  measureTime(): Promise<TimeMeasurement> {
    return unavailableOnFailure(() =>
      // The wait for a connection does not belong to the round trip.
      withConnectionRetries(
        this.dataSource,
        { limits: within(this.config.databaseTimeout), reads: true },
        async (runner) => {
          const sentAt = performance.now();
          const { records } = await this.time.execute({}, runner);
          const half = (performance.now() - sentAt) / 2;
          return { time: number(records[0]?.measured, 'measured'), at: sentAt + half, uncertainty: half + RESOLUTION };
        },
      ),
    );
  }
}

class WatchedStatement extends Statement {
  constructor(
    dataSource: DataSource,
    sql: string,
    prepared: boolean,
    timeout: number,
    private readonly failed: FailureListener,
  ) {
    super(dataSource, sql, prepared, timeout);
  }

  override async execute(values: StatementValues, runner?: QueryRunner): Promise<StatementResult> {
    const startedAt = performance.now();
    try {
      return await super.execute(values, runner);
    } catch (error) {
      this.failed(startedAt);
      throw error;
    }
  }
}

class CertainStatement extends WatchedStatement {
  constructor(
    dataSource: DataSource,
    sql: string,
    prepared: boolean,
    timeout: number,
    failed: FailureListener,
    private readonly certainty: Certainty,
    private readonly table: string,
  ) {
    super(dataSource, sql, prepared, timeout, failed);
  }

  protected override assertFit(runner: QueryRunner): Promise<void> {
    return this.certainty.assertSeesAll(runner, this.table);
  }

  protected override onConnection<T>(runner: QueryRunner, work: () => Promise<T>): Promise<T> {
    return this.certainty.caughtUp(runner, work);
  }
}
