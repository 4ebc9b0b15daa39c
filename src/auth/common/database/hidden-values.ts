import { inspect } from 'node:util';

type Callback = (error: unknown, ...answer: unknown[]) => void;

/** The part of a connection of `pg` and `mysql2` that TypeORM calls. */
interface Connection {
  query(...args: unknown[]): unknown;
}

const HIDDEN = '[hidden]';

/** A parameter of a statement on its way through TypeORM, whose loggers, subscribers and errors see `[hidden]`. */
class HiddenValue {
  readonly #value: unknown;

  constructor(value: unknown) {
    this.#value = value;
  }

  static reveal(value: unknown): unknown {
    return value instanceof HiddenValue ? value.#value : value;
  }

  /** `pg` calls it, if the value comes to a connection that does not reveal. */
  toPostgres(): unknown {
    return this.#value;
  }

  /** `mysql2` calls it, if the value comes to a connection that does not reveal. */
  toSqlString(): string {
    throw new Error('This connection does not take hidden values');
  }

  toString(): string {
    return HIDDEN;
  }

  toJSON(): string {
    return HIDDEN;
  }

  [inspect.custom](): string {
    return HIDDEN;
  }
}

/** The names of prepared statements, by the list of their parameters. */
const names = new WeakMap<object, { readonly text: string; readonly name: string }>();

const revealing = new WeakSet<Connection>();

/**
 * Hides the values of a statement, so that TypeORM gets its text and parameters that show nothing. The driver gets the
 * values, and the name of the statement.
 *
 * @param connection one of `pg`, PGlite or `mysql2`, as the query runner returns it
 * @param text the statement, for which the name holds
 */
export function hideValues(
  connection: Connection,
  values: readonly unknown[],
  text: string,
  name: string | undefined,
): unknown[] {
  if (!revealing.has(connection)) {
    revealing.add(connection);
    connection.query = revealed(connection, connection.query);
  }
  const hidden = values.map((value) => new HiddenValue(value));
  if (name !== undefined) names.set(hidden, { text, name });
  return hidden;
}

function revealed(connection: Connection, send: Connection['query']): Connection['query'] {
  return (...args) => {
    const [query, values, ...rest] = args;
    const named = Array.isArray(values) ? names.get(values) : undefined;
    if (!Array.isArray(values) || !(named || values[0] instanceof HiddenValue)) return send.apply(connection, args);
    const plain = values.map(HiddenValue.reveal);
    const [callback] = rest as [Callback?];
    if (callback) {
      return send.call(connection, query, plain, (error: unknown, ...answer: unknown[]) =>
        callback(withoutValues(error, query), ...answer),
      );
    }
    // A host may add a comment to the text. Then it is another statement.
    const given = named?.text === query ? [{ ...named, values: plain }] : [query, plain];
    return (send.apply(connection, given) as Promise<unknown>).catch((error: unknown) => {
      throw withoutValues(error, query);
    });
  };
}

/** `mysql2` attaches the statement to its errors, together with the values. PostgreSQL attaches the row. */
function withoutValues(error: unknown, query: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if ('sql' in error) error.sql = typeof query === 'string' ? query : (query as { sql: string }).sql;
  if ('detail' in error) delete error.detail;
  return error;
}
