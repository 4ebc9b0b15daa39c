import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import type { DataSource, QueryRunner } from 'typeorm';
import { withConnection } from './connection-with-timeout.js';

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
const WRITE_TIMEOUT_FACTOR = 6;

/** What goes to the driver. */
interface Composed {
  readonly text: string;
  /** In the order in which the placeholders want them. */
  readonly parameters: readonly string[];
  readonly query: (values: unknown[]) => unknown;
}

/** `:...name` in SQL. */
const LIST = /:\.\.\.(\w+)/;

/**
 * One SQL statement, composed once and executed often.
 *
 * On PostgreSQL it is a named prepared statement: parsed and planned once per connection. On PostgreSQL and MySQL its
 * values travel with it in one object that shows only its text, so that no query log tells the values.
 *
 * One parameter may be a list of 1 to 16,384 values, written `:...name` in one place. Its last value is repeated up to the next power of
 * four, so that lists of different lengths share a few prepared statements.
 *
 * @example
 * const userById = new Statement(dataSource, 'SELECT id, roles FROM users WHERE id = :id');
 * const { records } = await userById.execute({ id });
 *
 * const usersById = new Statement(dataSource, 'SELECT id, roles FROM users WHERE id IN (:...ids)');
 * const { records } = await usersById.execute({ ids: [id, another] });
 */
export class Statement {
  private readonly list: string | undefined;
  /** By the length of the list. */
  private readonly composed = new Map<number, Composed>();
  /** Milliseconds. */
  private readonly timeout: number;

  /**
   * @param sql with parameters as `:name`, identifiers escaped by the caller
   * @param timeout milliseconds that the database may take to answer a SELECT. Any other statement has six times as long,
   * for nobody knows whether one that was given up happens after all
   */
  constructor(
    private readonly dataSource: DataSource,
    private readonly sql: string,
    private readonly prepared = true,
    timeout = 5_000,
  ) {
    this.timeout = /^SELECT\b/i.test(sql) ? timeout : WRITE_TIMEOUT_FACTOR * timeout;
    this.list = LIST.exec(sql)?.[1];
    this.composedFor(1);
  }

  /** @param runner where given, the connection to use, which the caller then releases */
  async execute(values: StatementValues, runner?: QueryRunner): Promise<StatementResult> {
    const { composed, named } = this.filledUp(values);
    const list = composed.parameters.map((name) => named[name]);
    if (runner) return executeOn(runner, composed, list);
    for (let tries = 1; ; tries++) {
      try {
        return await this.executeOnce(composed, list);
      } catch (error) {
        const code = (error as { code?: unknown }).code;
        if (tries === MOST_TRIES || !ASK_AGAIN.has(String(code))) throw error;
      }
    }
  }

  private executeOnce(composed: Composed, list: unknown[]): Promise<StatementResult> {
    return withConnection(this.dataSource, this.timeout, (runner) => executeOn(runner, composed, list));
  }

  private filledUp(values: StatementValues): { composed: Composed; named: StatementValues } {
    if (this.list === undefined) return { composed: this.composedFor(1), named: values };
    const items = values[this.list] as unknown[];
    const length = 4 ** Math.ceil(Math.log2(items.length) / 2);
    const named = { ...values };
    for (let index = 0; index < length; index++) named[`${this.list}_${index}`] = items[index] ?? items.at(-1);
    return { composed: this.composedFor(length), named };
  }

  private composedFor(length: number): Composed {
    let composed = this.composed.get(length);
    if (!composed) {
      const items = Array.from({ length }, (_, index) => `:${this.list}_${index}`).join(', ');
      composed = compose(this.dataSource, this.sql.replace(LIST, items), this.prepared);
      this.composed.set(length, composed);
    }
    return composed;
  }
}

function compose({ driver, options }: DataSource, sql: string, prepared: boolean): Composed {
  const names = Object.fromEntries([...sql.matchAll(/(?<!:):(\w+)/g)].map(([, name]) => [name, name]));
  // The driver replaces each name by its own placeholder, and says in which order it wants the values.
  // TypeORM 0.3 has a third argument, and needs it.
  const escape = driver.escapeQueryWithParameters.bind(driver) as EscapeQuery;
  const [text, parameters] = escape(sql, names, {});
  const shown = { toString: () => text, toJSON: () => text, [inspect.custom]: () => text };
  switch (options.type) {
    case 'postgres': {
      const name = prepared ? `nrt_${createHash('sha256').update(text).digest('base64url').slice(0, 16)}` : undefined;
      return { text, parameters, query: (values) => ({ name, text, values, ...shown }) };
    }
    case 'mysql':
    case 'mariadb':
      // There TypeORM wraps what it gets in an object of its own, which takes a text only.
      if (options.enableQueryTimeout) return { text, parameters, query: () => text };
      return { text, parameters, query: (values) => ({ sql: text, values, ...shown }) };
    default:
      return { text, parameters, query: () => text };
  }
}

async function executeOn(runner: QueryRunner, { text, query }: Composed, list: unknown[]): Promise<StatementResult> {
  const composed = query(list);
  // TypeORM hands the first argument to the driver as it is; both drivers take an object there.
  const values = composed === text ? list : undefined;
  const result = await runner.query(composed as string, values, true);
  return { records: result.records, affected: result.affected ?? 0 };
}
