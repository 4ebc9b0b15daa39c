import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import type { DataSource, QueryRunner } from 'typeorm';
import { onOwnConnection } from './own-connection.js';

/** What a statement answered. */
export interface StatementResult {
  readonly records: Record<string, unknown>[];
  /** How many rows an INSERT, UPDATE or DELETE has touched. */
  readonly affected: number;
}

/** The values of a statement's parameters, by name. */
export type StatementValues = Record<string, unknown>;

type EscapeQuery = (sql: string, parameters: object, nativeParameters: object) => [string, string[]];

/** Deadlock or serialization failure: the database has undone the statement, and asks for it again. */
const ASK_AGAIN = new Set(['40P01', '40001', 'ER_LOCK_DEADLOCK', 'ER_CHECKREAD']);
const MOST_TRIES = 5;
const PATIENCE_WITH_WRITING = 6;

/**
 * One SQL statement, composed once and executed often.
 *
 * On PostgreSQL it is a named prepared statement: parsed and planned once per connection. On PostgreSQL and MySQL its
 * values travel with it in one object that shows only its text, so that no query log tells the values.
 *
 * @example
 * const userById = new Statement(dataSource, 'SELECT id, roles FROM users WHERE id = :id');
 * const { records } = await userById.execute({ id });
 */
export class Statement {
  private readonly sql: string;
  private readonly parameters: string[];
  private readonly compose: (values: unknown[]) => unknown;
  /** Milliseconds. */
  private readonly patience: number;

  /**
   * @param sql with parameters as `:name`, identifiers escaped by the caller
   * @param timeout milliseconds that the database may take to answer a SELECT. Any other statement has six times as long,
   * for nobody knows whether one that was given up happens after all
   */
  constructor(
    private readonly dataSource: DataSource,
    sql: string,
    prepared = true,
    timeout = 5_000,
  ) {
    this.patience = /^SELECT\b/i.test(sql) ? timeout : PATIENCE_WITH_WRITING * timeout;
    const { driver } = dataSource;
    const names = Object.fromEntries([...sql.matchAll(/(?<!:):(\w+)/g)].map(([, name]) => [name, name]));
    // The driver replaces each name by its own placeholder, and says in which order it wants the values.
    // TypeORM 0.3 has a third argument, and needs it.
    const escape = driver.escapeQueryWithParameters.bind(driver) as EscapeQuery;
    [this.sql, this.parameters] = escape(sql, names, {});

    const text = this.sql;
    const shown = { toString: () => text, toJSON: () => text, [inspect.custom]: () => text };
    switch (dataSource.options.type) {
      case 'postgres': {
        const name = prepared ? `nrt_${createHash('sha256').update(text).digest('base64url').slice(0, 16)}` : undefined;
        this.compose = (values) => ({ name, text, values, ...shown });
        break;
      }
      case 'mysql':
      case 'mariadb':
        // There TypeORM wraps what it gets in an object of its own, which takes a text only.
        if (dataSource.options.enableQueryTimeout) this.compose = () => text;
        else this.compose = (values) => ({ sql: text, values, ...shown });
        break;
      default:
        this.compose = () => text;
    }
  }

  /** @param runner where given, the connection to use, which the caller then releases */
  async execute(values: StatementValues, runner?: QueryRunner): Promise<StatementResult> {
    const list = this.parameters.map((name) => values[name]);
    if (runner) return this.executeOn(runner, list);
    for (let tries = 1; ; tries++) {
      try {
        return await this.executeOnce(list);
      } catch (error) {
        const code = (error as { code?: unknown }).code;
        if (tries === MOST_TRIES || !ASK_AGAIN.has(String(code))) throw error;
      }
    }
  }

  private executeOnce(list: unknown[]): Promise<StatementResult> {
    return onOwnConnection(this.dataSource, this.patience, (runner) => this.executeOn(runner, list));
  }

  private async executeOn(runner: QueryRunner, list: unknown[]): Promise<StatementResult> {
    const composed = this.compose(list);
    // TypeORM hands the first argument to the driver as it is; both drivers take an object there.
    const values = composed === this.sql ? list : undefined;
    const result = await runner.query(composed as string, values, true);
    return { records: result.records, affected: result.affected ?? 0 };
  }
}
