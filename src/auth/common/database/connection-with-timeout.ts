import type { DataSource, QueryRunner } from 'typeorm';
import { settledWithin } from '../time/settled-within.js';
import { type Fault, faultOf } from './fault.js';
import { assertIdle } from './unfit-connection.js';

/** Faults of a connection. */
const SAYS_BAD = new Set<Fault>(['refused', 'lost', 'unanswered']);

/** The methods of `pg` and `mysql2` that close a connection. In-process databases have none. */
interface Connection {
  destroy?(): void;
  /** The socket of `mysql2`. Its `destroy` leaves the socket half open. */
  stream?: { destroy?(): void };
  end?(): unknown;
}

/** In milliseconds. */
export interface Limits {
  /** For the wait for a connection. */
  connection: number;
  /** For the work. */
  work: number;
}

/** @param milliseconds for the wait, and again for the work */
export function within(milliseconds: number): Limits {
  return { connection: milliseconds, work: milliseconds };
}

/** Work in progress, and how to give it up. */
interface Progress {
  readonly ended: Promise<unknown>;
  readonly giveUp: () => void;
}

const inProgress = new WeakMap<DataSource, Set<Progress>>();

/**
 * Waits for the work in progress, and gives up what then remains. It would hold the pool for as long as the database is
 * silent.
 *
 * @param limit milliseconds
 */
export async function endWork(dataSource: DataSource, limit: number): Promise<void> {
  const all = () => [...(inProgress.get(dataSource) ?? [])];
  await settledWithin(limit, Promise.allSettled(all().map(({ ended }) => ended)));
  for (const { giveUp } of all()) giveUp();
}

/**
 * Does the work on its own connection to the primary, and resolves to the result.
 *
 * If a server or network fails silently, the work would wait forever. The next user of the connection would wait, too.
 * So a timeout closes the connection and aborts the work. Work that is still waiting for a connection then does not
 * start. A connection also ends if an error says that it is bad.
 *
 * @param isBad whether to believe an error that says so
 */
export function withConnection<T>(
  dataSource: DataSource,
  limits: Limits,
  work: (runner: QueryRunner) => Promise<T>,
  isBad: (error: Error, fault: Fault, connection: object) => boolean,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let connection: Connection | undefined;
    let givenUp = false;
    const giveUp = (reason: string) => {
      givenUp = true;
      close(connection);
      reject(new Error(reason));
    };
    const giveUpAfter = (limit: number) =>
      setTimeout(() => giveUp(`The database did not answer within ${limit} ms`), limit);
    let timer = giveUpAfter(limits.connection);

    const run = async (): Promise<T> => {
      const runner = dataSource.createQueryRunner('master');
      try {
        connection = (await runner.connect()) as Connection | undefined;
        if (givenUp) throw new Error('The database connection came too late');
        clearTimeout(timer);
        timer = giveUpAfter(limits.work);
        assertIdle(connection);
        return await work(runner);
      } catch (error) {
        const fault = faultOf(error);
        if (isClosable(connection) && SAYS_BAD.has(fault) && isBad(error as Error, fault, connection))
          close(connection);
        throw error;
      } finally {
        clearTimeout(timer);
        await runner.release();
      }
    };
    const ended = run();
    ended.then(resolve, reject);
    const progress = { ended, giveUp: () => giveUp('The application has stopped') };
    const others = inProgress.get(dataSource) ?? new Set();
    inProgress.set(dataSource, others.add(progress));
    ended.catch(() => undefined).finally(() => others.delete(progress));
  });
}

function isClosable(connection: Connection | undefined): connection is Connection {
  return connection?.destroy !== undefined || connection?.end !== undefined;
}

/** A closed connection leaves its pool when it is released. */
function close(connection: Connection | undefined): void {
  // `end` of `pg` destroys a connection with a running query. `end` of `mysql2` would wait for the query.
  if (connection?.destroy) {
    connection.destroy();
    connection.stream?.destroy?.();
  } else void connection?.end?.();
}
