import { EventEmitter } from 'node:events';
import { PgliteClient } from './pool-client.js';
import { openDatabase, type PgliteDatabase, type PgliteSettings } from './database.js';
import { PgliteError } from './errors.js';
import { Turnstile } from './turnstile.js';

type ConnectCallback = (error: Error | undefined, client?: PgliteClient, release?: () => void) => void;

/** The part of a `pg` pool that TypeORM needs, with exactly one connection, as PGlite has only one. */
export class PglitePool extends EventEmitter {
  readonly #turnstile = new Turnstile();
  readonly #clientEvents = new EventEmitter();
  #database: PgliteDatabase | undefined;
  #closed = false;

  constructor(
    private readonly folder: string | undefined,
    private readonly settings: PgliteSettings,
    /** Milliseconds to wait for the connection; 0 for no limit. */
    private readonly connectionTimeoutMillis = 0,
  ) {
    super();
  }

  /**
   * Checks out the connection. The first checkout opens the database. The caller has exclusive use until it calls
   * `release`.
   *
   * @throws {PgliteError} `pglite_busy`, `pglite_closed`; at the first checkout also `pglite_locked`, `pglite_missing`.
   */
  connect(): Promise<PgliteClient>;
  connect(callback: ConnectCallback): undefined;
  connect(callback?: ConnectCallback): Promise<PgliteClient> | undefined {
    const client = this.#checkOut();
    if (!callback) return client;
    client.then(
      (checkedOut) => callback(undefined, checkedOut, checkedOut.release),
      (error: Error) => callback(error),
    );
    return undefined;
  }

  /** Rejects waiting callers, waits for the current holder of the connection, and closes the database. */
  end(): Promise<void>;
  end(callback: (error?: Error) => void): undefined;
  end(callback?: (error?: Error) => void): Promise<void> | undefined {
    const closed = this.#close();
    if (!callback) return closed;
    closed.then(
      () => callback(),
      (error: Error) => callback(error),
    );
    return undefined;
  }

  async #checkOut(): Promise<PgliteClient> {
    if (this.#closed) throw new PgliteError('pglite_closed');
    await this.#turnstile.take(this.connectionTimeoutMillis);
    try {
      this.#database ??= await openDatabase(this.folder, this.settings);
    } catch (error) {
      this.#turnstile.pass();
      throw error;
    }
    return new PgliteClient(this.#database, this.#clientEvents, (client) => void this.#takeBack(client));
  }

  async #takeBack(client: PgliteClient): Promise<void> {
    try {
      await client.reset();
      this.#turnstile.pass();
    } catch (error) {
      // The next caller would run in the transaction of another. So the pool is closed.
      this.#closed = true;
      this.#turnstile.refuseWaiting(new PgliteError('pglite_closed', '(A rollback failed.)', { cause: error }));
      this.#turnstile.pass();
      this.emit('error', error);
    }
  }

  async #close(): Promise<void> {
    this.#closed = true;
    this.#turnstile.refuseWaiting(new PgliteError('pglite_closed'));
    await this.#turnstile.take();
    const database = this.#database;
    this.#database = undefined;
    await database?.close();
    this.#turnstile.pass();
  }
}
