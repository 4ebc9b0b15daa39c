import type { EventEmitter } from 'node:events';
import type { DataSource, QueryRunner } from 'typeorm';
import { withConnection } from './connection-with-timeout.js';
import { type Fault, faultOf } from './fault.js';

/** Tries of work that conflicts with other work. */
const MOST_CONFLICTS = 5;
/** Bad connections that one call closes at most. */
const MOST_CONNECTIONS = 20;

/** What may be done again. */
interface Repeatable {
  /** Milliseconds for each try. */
  timeout: number;
  /** Whether the work only reads. Then it is repeated also if the connection was lost in the middle. */
  reads: boolean;
}

/**
 * Does the work on a connection, like `withConnection`. If an error says that the connection is bad, the work is
 * repeated on another one, unless it may have written.
 *
 * After a failover all connections of a pool may be bad. So it goes on until the error comes from a connection that was
 * opened during the call.
 */
export async function withConnectionRetries<T>(
  dataSource: DataSource,
  { timeout, reads }: Repeatable,
  work: (runner: QueryRunner) => Promise<T>,
): Promise<T> {
  const opened = connectionsOpenedFrom(dataSource);
  const startedAt = performance.now();
  for (let tries = 1; ; tries++) {
    let connection: object | undefined;
    try {
      return await withConnection(dataSource, timeout, async (runner) => {
        connection = await runner.connect();
        return work(runner);
      });
    } catch (error) {
      const fault = faultOf(error);
      if (fault === 'conflict' && tries < MOST_CONFLICTS) continue;
      const isNew = connection !== undefined && (opened.get(connection) ?? -Infinity) > startedAt;
      if (!isRepeatable(fault, reads) || isNew || tries >= MOST_CONNECTIONS) throw error;
    }
  }
}

function isRepeatable(fault: Fault, reads: boolean): boolean {
  return fault === 'refused' || (fault === 'lost' && reads);
}

type OpeningTimes = WeakMap<object, number>;
type Pool = Partial<Pick<EventEmitter, 'on'>>;

/** Keyed by pool. */
const openingTimes = new WeakMap<Pool, OpeningTimes>();

/** When the connections of a data source were opened, by the monotonic clock. It is not known for older ones. */
function connectionsOpenedFrom({ driver }: DataSource): OpeningTimes {
  // The pools of `pg` and `mysql2`.
  const { master, pool = master } = driver as { master?: Pool; pool?: Pool };
  const known = pool && openingTimes.get(pool);
  if (known) return known;
  const times: OpeningTimes = new WeakMap();
  if (!pool) return times;
  openingTimes.set(pool, times);
  for (const event of ['connect', 'connection']) {
    pool.on?.(event, (connection: object) => times.set(connection, performance.now()));
  }
  return times;
}
