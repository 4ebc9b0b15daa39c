import { createHash } from 'node:crypto';
import type { DataSource, QueryRunner } from 'typeorm';
import { answerOf, type Expected, expectedOf, type StatementResult } from './answer.js';
import { withConnectionRetries } from './connection-retries.js';
import type { Limits } from './connection-with-timeout.js';
import { hasRowLocks, isMySql } from './dialect.js';
import { hideValues } from './hidden-values.js';
import { areNamesSupported, isNameLost } from './prepared-names.js';
import { assertCommitted } from './unfit-connection.js';

/** The values of a statement's parameters, by name. */
export type StatementValues = Record<string, unknown>;

type EscapeQuery = (sql: string, parameters: object, nativeParameters: object) => [string, string[]];

const WRITE_TIMEOUT_FACTOR = 6;

/** A statement in the form that the driver takes. */
interface Composed {
  readonly text: string;
  /** The parameter names in the order of the placeholders. */
  readonly parameters: readonly string[];
  /** Its name on PostgreSQL, if it may have one. */
  readonly name?: string;
}

interface Executed {
  /** The answer of the driver. */
  readonly raw: unknown;
  readonly result: StatementResult;
}

/** `:...name` in SQL. */
const LIST = /:\.\.\.(\w+)/;

/**
 * One SQL statement, prepared once and executed many times.
 *
 * On PostgreSQL it is a named prepared statement, parsed and planned once per connection. It has no name if the caller
 * gives a connection, or if a pooler does not support names. On PostgreSQL and MySQL, TypeORM gets the text and hidden
 * values. So query logs never show them.
 *
 * It goes to the primary, also if the data source has replicas. If an error says that its connection is bad, for example
 * read-only after a failover, the connection is closed. The statement is repeated on another one, unless it may have
 * written.
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
  private readonly sql: string;
  private readonly list: string | undefined;
  private readonly expected: Expected;
  /** Keyed by the length of the list. */
  private readonly composed = new Map<number, Composed>();
  private readonly limits: Limits;

  /**
   * @param sql SQL with parameters as `:name`; the caller escapes identifiers
   * @param timeout milliseconds that the database may take to answer a SELECT. Other statements get six times as long,
   *   because an aborted write may still take effect
   */
  constructor(
    private readonly dataSource: DataSource,
    sql: string,
    private readonly prepared = true,
    timeout = 5_000,
  ) {
    this.sql = isMySql(dataSource) ? withLimit(sql) : sql;
    this.expected = expectedOf(sql);
    const work = this.expected === 'rows' ? timeout : WRITE_TIMEOUT_FACTOR * timeout;
    this.limits = { connection: timeout, work };
    this.list = LIST.exec(sql)?.[1];
    this.composedFor(1);
  }

  /** @param runner the connection to use; the caller releases it. By default the statement takes its own */
  async execute(values: StatementValues, runner?: QueryRunner): Promise<StatementResult> {
    const { composed, named } = this.filledUp(values);
    const list = composed.parameters.map((name) => named[name]);
    // An error about its name would abort the transaction of the caller.
    if (runner) return (await this.executeOn(runner, composed, list)).result;
    const { dataSource, limits } = this;
    const reads = this.expected === 'rows';
    return withConnectionRetries(dataSource, { limits, reads }, async (own) => {
      await this.assertFit(own);
      const { raw, result } = await this.executeNamed(own, composed, list);
      assertCommitted(raw);
      return result;
    });
  }

  private async executeNamed(runner: QueryRunner, composed: Composed, list: unknown[]): Promise<Executed> {
    const name = areNamesSupported(this.dataSource) ? composed.name : undefined;
    try {
      return await this.executeOn(runner, composed, list, name);
    } catch (error) {
      if (name !== undefined && (await isNameLost(this.dataSource, error, runner)))
        return this.executeOn(runner, composed, list);
      throw error;
    }
  }

  private executeOn(runner: QueryRunner, { text }: Composed, list: unknown[], name?: string): Promise<Executed> {
    return this.onConnection(runner, async () => {
      const isServer = hasRowLocks(this.dataSource);
      const values = isServer ? hideValues(await runner.connect(), list, text, name) : list;
      const answer = await runner.query(text, values, true);
      return { raw: answer.raw, result: answerOf(answer, this.expected) };
    });
  }

  /** A kind of statements may refuse a connection of the pool. */
  protected async assertFit(_: QueryRunner): Promise<void> {}

  /** A kind of statements may prepare the connection, and must leave it as it was. */
  protected onConnection<T>(_: QueryRunner, work: () => Promise<T>): Promise<T> {
    return work();
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

/** The LIMIT of a statement takes precedence over `sql_select_limit`, which would cut the answer. */
const NO_LIMIT = ' LIMIT 18446744073709551615';

function withLimit(sql: string): string {
  if (!/^SELECT\b/i.test(sql) || /\bLIMIT\b/i.test(sql)) return sql;
  return sql.replace(/(\sFOR UPDATE\b.*)?$/is, (locking) => NO_LIMIT + locking);
}

function compose({ driver, options }: DataSource, sql: string, prepared: boolean): Composed {
  const names = Object.fromEntries([...sql.matchAll(/(?<!:):(\w+)/g)].map(([, name]) => [name, name]));
  // The driver replaces each name with its own placeholder, and returns the values in their order. TypeORM 0.3 requires
  // a third argument.
  const escape = driver.escapeQueryWithParameters.bind(driver) as EscapeQuery;
  const [text, parameters] = escape(sql, names, {});
  if (!prepared || options.type !== 'postgres') return { text, parameters };
  return { text, parameters, name: `nrt_${createHash('sha256').update(text).digest('base64url').slice(0, 16)}` };
}
