import type { EventEmitter } from 'node:events';
import type { DataSource } from 'typeorm';

/** Milliseconds for which an error is believed to be the server's, after a new connection has given it as well. */
const BELIEVED = 1_000;

/** The pools of `pg` and `mysql2`. */
type Pool = Partial<Pick<EventEmitter, 'on'>>;

/** When the connections of a pool were opened, by the monotonic clock, and which errors new connections gave. */
export class PoolHistory {
  private readonly openedAt = new WeakMap<object, number>();
  /** Keyed by the message. */
  private readonly confirmedAt = new Map<string, number>();

  constructor(private readonly pool: Pool | undefined) {
    for (const event of ['connect', 'connection']) {
      pool?.on?.(event, (connection: object) => this.openedAt.set(connection, performance.now()));
    }
  }

  /** Whether the connection was opened after this time. The oldest ones are not known. */
  isNewer(connection: object, time: number): boolean {
    return !this.pool || (this.openedAt.get(connection) ?? -Infinity) > time;
  }

  /** A new connection gave this error, so the server is to blame. */
  confirm(error: Error): true {
    const now = performance.now();
    for (const [message, at] of this.confirmedAt) if (now - at > BELIEVED) this.confirmedAt.delete(message);
    this.confirmedAt.set(error.message, now);
    return true;
  }

  /** Whether the server is to blame for this error. After a second, one caller may find out whether it still is. */
  isConfirmed(error: Error): boolean {
    const at = this.confirmedAt.get(error.message);
    if (at === undefined) return false;
    if (performance.now() - at < BELIEVED) return true;
    this.confirm(error);
    return false;
  }

  /** A repetition succeeded. */
  recovered(): void {
    this.confirmedAt.clear();
  }
}

const histories = new WeakMap<DataSource, PoolHistory>();

export function poolHistoryOf(dataSource: DataSource): PoolHistory {
  let history = histories.get(dataSource);
  if (!history) histories.set(dataSource, (history = new PoolHistory(primaryPoolOf(dataSource))));
  return history;
}

interface Driver {
  /** Of `pg`, with and without replicas. */
  master?: Pool;
  /** Of `mysql2` without replicas. */
  pool?: Pool;
  /** Of `mysql2` with replicas. It makes the pool of a server before the first connection, and has no public access. */
  poolCluster?: { _nodes?: { MASTER?: { pool?: Pool } } };
}

function primaryPoolOf({ driver }: DataSource): Pool | undefined {
  const { master, pool, poolCluster } = driver as Driver;
  return pool ?? master ?? poolCluster?._nodes?.MASTER?.pool;
}
