import type { EventEmitter } from 'node:events';
import type { PGlite, Results } from '@electric-sql/pglite';
import { PgliteError } from './errors.js';
import { toParameter } from './parameters.js';

/** A query as an object, as `pg` takes it. The name is taken and not used: PGlite prepares each query anew. */
export interface NamedQuery {
  readonly name?: string;
  readonly text: string;
  readonly values?: readonly unknown[];
}

/** The answer, in the shape of `pg`. A text with several statements is answered with an array of them. */
export interface QueryResult {
  /** The first word of the command tag, as `SELECT`. */
  readonly command: string | null;
  readonly rowCount: number | null;
  readonly rows: Record<string, unknown>[];
  readonly fields: { name: string; dataTypeID: number }[];
}

type Answer = QueryResult | QueryResult[];
type QueryCallback = (error: Error | null, answer?: Answer) => void;
type Listener = Parameters<EventEmitter['on']>[1];

/**
 * One checkout of the one connection: a `pg` client as far as TypeORM needs one.
 *
 * Every checkout is an object of its own, and refuses queries after its release. TypeORM can send one then: where one of
 * several parallel queries of a transaction failed, the others still come after the rollback.
 */
export class PgliteClient {
  #released = false;
  #lastQuery: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly session: PGlite,
    /** Outlives the checkout, as the listeners of `pg` do: TypeORM listens for notices on the first checkout only. */
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

  /** Ends the checkout. The next one begins when the queries that are under way are through. */
  release = (): void => {
    if (this.#released) throw new PgliteError('pglite_released', '(It is released twice.)');
    this.#released = true;
    this.handBack(this);
  };

  /** Leaves no transaction behind, whatever the caller did. */
  async reset(): Promise<void> {
    await this.#lastQuery;
    if (this.session.isInTransaction()) await this.session.exec('ROLLBACK');
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
    // A stream of pg-query-stream carries a text as well, and would be answered with all rows at once.
    if ('submit' in query) throw new PgliteError('pglite_unsupported');
    const answer = this.#lastQuery.then(() => this.#run(query));
    this.#lastQuery = answer.catch(() => undefined);
    return answer;
  }

  async #run({ text, values = [] }: NamedQuery): Promise<Answer> {
    const options = { onNotice: (notice: unknown) => this.events.emit('notice', notice) };
    try {
      // Without parameters a text may hold several statements, with parameters one: as in `pg`, by PostgreSQL's protocol.
      if (values.length > 0) return resultOf(await this.session.query(text, values.map(toParameter), options));
      const results = (await this.session.exec(text, options)).map(resultOf);
      return results.length === 1 ? results[0] : results;
    } catch (error) {
      throw withoutParameters(error);
    }
  }
}

function resultOf({ command, rowCount, rows, fields }: Results): QueryResult {
  return { command: command ?? null, rowCount: rowCount ?? null, rows, fields };
}

/** PGlite puts the query and its parameters on the error, so that logging the error would log secrets. `pg` does not. */
function withoutParameters(error: unknown): unknown {
  if (error instanceof Error) {
    for (const added of ['query', 'params', 'queryOptions']) Reflect.deleteProperty(error, added);
  }
  return error;
}
