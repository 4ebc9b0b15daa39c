import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import type { DataSource, QueryRunner } from 'typeorm';
import { withConnection } from './connection-with-timeout.js';

/** The result of a statement. */
export interface StatementResult {
  readonly records: Record<string, unknown>[];
  /** The number of rows that an INSERT, UPDATE or DELETE changed. */
  readonly affected: number;
}

/** The values of a statement's parameters, by name. */
export type StatementValues = Record<string, unknown>;

type EscapeQuery = (sql: string, parameters: object, nativeParameters: object) => [string, string[]];

/** Deadlocks and serialization failures: the database has rolled the statement back, and it can be repeated. */
const ASK_AGAIN = new Set(['40P01', '40001', 'ER_LOCK_DEADLOCK', 'ER_CHECKREAD']);

/** Whether the database has rolled the work back because of other work at the same time. */
export function canBeRepeated(error: unknown): boolean {
  return ASK_AGAIN.has(String((error as { code?: unknown }).code));
}

const MOST_TRIES = 5;
const WRITE_TIMEOUT_FACTOR = 6;

/** A statement in the form that the driver takes. */
interface Composed {
  readonly text: string;
  /** The parameter names in the order of the placeholders. */
  readonly parameters: readonly string[];
  readonly query: (values: unknown[]) => unknown;
}

/** `:...name` in SQL. */
const LIST = /:\.\.\.(\w+)/;

/**
 * One SQL statement, prepared once and executed many times.
 *
 * On PostgreSQL it is a named prepared statement, parsed and planned once per connection. On PostgreSQL and MySQL the
 * statement and its values form one object that prints only the text. So query logs never show the values.
 *
 * One parameter may be a list of 1 to 16,384 values, written once as `:...name`. The list is padded to the next power
 * of four by repeating its last value. So lists of different lengths share a few prepared statements.
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
  /** Keyed by the length of the list. */
  private readonly composed = new Map<number, Composed>();
  /** Milliseconds. */
  private readonly timeout: number;

  /**
   * @param sql SQL with parameters as `:name`; the caller escapes identifiers
   * @param timeout milliseconds that the database may take to answer a SELECT. Other statements get six times as long,
   *   because an aborted write may still take effect
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

  /** @param runner the connection to use; the caller releases it. By default the statement takes its own */
  async execute(values: StatementValues, runner?: QueryRunner): Promise<StatementResult> {
    const { composed, named } = this.filledUp(values);
    const list = composed.parameters.map((name) => named[name]);
    if (runner) return executeOn(runner, composed, list);
    for (let tries = 1; ; tries++) {
      try {
        return await this.executeOnce(composed, list);
      } catch (error) {
        if (tries === MOST_TRIES || !canBeRepeated(error)) throw error;
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
  // The driver replaces each name with its own placeholder, and returns the values in their order. TypeORM 0.3 requires
  // a third argument.
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
      // With this option TypeORM wraps the query in its own object, which accepts only text.
      if (options.enableQueryTimeout) return { text, parameters, query: () => text };
      return { text, parameters, query: (values) => ({ sql: text, values, ...shown }) };
    default:
      return { text, parameters, query: () => text };
  }
}

async function executeOn(runner: QueryRunner, { text, query }: Composed, list: unknown[]): Promise<StatementResult> {
  const composed = query(list);
  // TypeORM passes the first argument to the driver unchanged. Both drivers accept an object there.
  const values = composed === text ? list : undefined;
  const result = await runner.query(composed as string, values, true);
  return { records: result.records, affected: result.affected ?? 0 };
}
