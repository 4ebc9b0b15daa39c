import type { DataSource, QueryRunner } from 'typeorm';
import { type Limits, withConnection } from './connection-with-timeout.js';
import { type Fault, faultOf } from './fault.js';
import { poolHistoryOf } from './pool-history.js';

/** Bad connections that one call closes at most: more than a pool has. */
const MOST_CONNECTIONS = 1_000;

/** What may be done again. */
interface Repeatable {
  /** For each try. */
  limits: Limits;
  /** Whether the work only reads. Then it is repeated also if the connection was lost in the middle. */
  reads: boolean;
  /** Tries of work that conflicts with other work. */
  tries?: number;
}

/**
 * Does the work on a connection, like `withConnection`. If an error says that the connection is bad, the work is
 * repeated on another one, unless it may have written.
 *
 * After a failover all connections of a pool may be bad. So it goes on until the error comes from a connection that was
 * opened during the call. Then the server is to blame, and for a second this error closes no connection.
 */
export async function withConnectionRetries<T>(
  dataSource: DataSource,
  { limits, reads, tries = 5 }: Repeatable,
  work: (runner: QueryRunner) => Promise<T>,
): Promise<T> {
  const history = poolHistoryOf(dataSource);
  const startedAt = performance.now();
  let conflicts = 0;
  let closed = 0;
  for (;;) {
    let another = false;
    const isBad = (error: Error, fault: Fault, connection: object) => {
      const isNew = history.isNewer(connection, startedAt);
      if (fault === 'refused' && isNew) return !history.confirm(error);
      // A caller that has begun to find out goes on until it gets a new connection.
      if (fault === 'refused' && closed === 0 && history.isConfirmed(error)) return false;
      another = !isNew && (fault === 'refused' || (fault === 'lost' && reads));
      return true;
    };
    try {
      const result = await withConnection(dataSource, limits, work, isBad);
      if (closed > 0) history.recovered();
      return result;
    } catch (error) {
      const again = another ? ++closed < MOST_CONNECTIONS : faultOf(error) === 'conflict' && ++conflicts < tries;
      if (!again) throw error;
    }
  }
}
