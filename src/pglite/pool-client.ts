import type { EventEmitter } from 'node:events';
import type { Results } from '@electric-sql/pglite';
import type { PgliteDatabase } from './database.js';
import { PgliteError } from './errors.js';
import { toParameter } from './parameters.js';

/** A query object, as in `pg`. The name is ignored, because PGlite prepares each query again. */
export interface NamedQuery {
  readonly name?: string;
  readonly text: string;
  readonly values?: readonly unknown[];
}

/** The result, in the shape of `pg`. A text with several statements yields an array of results. */
export interface QueryResult {
  /** The first word of the command tag, for example `SELECT`. */
  readonly command: string | null;
  readonly rowCount: number | null;
  readonly rows: Record<string, unknown>[];
  readonly fields: { name: string; dataTypeID: number }[];
}

type Answer = QueryResult | QueryResult[];
type QueryCallback = (error: Error | null, answer?: Answer) => void;
type Listener = Parameters<EventEmitter['on']>[1];

/**
 * One checkout of the only connection: the part of a `pg` client that TypeORM needs.
 *
 * Each checkout is a separate object, and refuses queries after its release. TypeORM can send such queries: if one of
 * several parallel queries of a transaction fails, the others still arrive after the rollback.
 */
export class PgliteClient {
  #released = false;
  #lastQuery: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly database: PgliteDatabase,
    /** It outlives the checkout, as listeners in `pg` do: TypeORM listens for notices on the first checkout only. */
    private readonly events: EventEmitter,
    private readonly handBack: (client: PgliteClient) => void,
  ) {}

  query(query: string | NamedQuery, values?: readonly unknown[]): Promise<Answer>;
  query(query: string | NamedQuery, callback: QueryCallback): undefined;
  query(query: string | NamedQuery, values: readonly unknown[] | undefined, callback: QueryCallback): undefined;
  query(
    query: string | NamedQuery,
    values?: readonly unknown[] | QueryCallback,
    callback?: QueryCallback,
  ): Promise<Answer> | undefined {
    if (typeof values === 'function') return this.query(query, undefined, values);
    const answer = this.#enqueue(
      typeof query === 'string' ? { text: query, values } : { ...query, ...(values && { values }) },
    );
    if (!callback) return answer;
    answer.then(
      (result) => callback(null, result),
      (error: Error) => callback(error),
    );
    return undefined;
  }

  /** Ends the checkout. The next one starts when the running queries have finished. */
  release = (): void => {
    if (this.#released) throw new PgliteError('pglite_released', '(It was released twice.)');
    this.#released = true;
    this.handBack(this);
  };

  /** Rolls back any open transaction. */
  async reset(): Promise<void> {
    await this.#lastQuery;
    const { session } = this.database;
    if (session.isInTransaction()) await session.exec('ROLLBACK');
  }

  on(event: string, listener: Listener): this {
    this.events.on(event, listener);
    return this;
  }

  removeListener(event: string, listener: Listener): this {
    this.events.removeListener(event, listener);
    return this;
  }

  async #enqueue(query: NamedQuery): Promise<Answer> {
    if (this.#released) throw new PgliteError('pglite_released');
    // A stream of pg-query-stream also has a text. It would return all rows at once.
    if ('submit' in query) throw new PgliteError('pglite_unsupported');
    const answer = this.#lastQuery.then(() => this.#run(query));
    this.#lastQuery = answer.catch(() => undefined);
    return answer;
  }

  async #run({ text, values = [] }: NamedQuery): Promise<Answer> {
    this.database.assertUsable();
    const options = { onNotice: (notice: unknown) => this.events.emit('notice', notice) };
    try {
      // Without parameters a text may hold several statements, with parameters only one. `pg` has the same rule, from
      // the protocol of PostgreSQL.
      if (values.length > 0) return resultOf(await this.database.session.query(text, values.map(toParameter), options));
      const results = (await this.database.session.exec(text, options)).map(resultOf);
      return results.length === 1 ? results[0] : results;
    } catch (error) {
      throw withoutParameters(error);
    }
  }
}

function resultOf({ command, rowCount, rows, fields }: Results): QueryResult {
  return { command: command ?? null, rowCount: rowCount ?? null, rows, fields };
}

/**
 * PGlite attaches the query and its parameters to the error. Logging it would expose secrets. `pg` does not attach
 * them.
 */
function withoutParameters(error: unknown): unknown {
  if (error instanceof Error) {
    for (const added of ['query', 'params', 'queryOptions']) Reflect.deleteProperty(error, added);
  }
  return error;
}
