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

  constructor(pool: Pool | undefined) {
    for (const event of ['connect', 'connection']) {
      pool?.on?.(event, (connection: object) => this.openedAt.set(connection, performance.now()));
    }
  }

  /** Whether the connection was opened after this time. It is not known of the oldest ones. */
  isNewer(connection: object, time: number): boolean {
    return (this.openedAt.get(connection) ?? -Infinity) > time;
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

/** Keyed by pool; by data source if its driver has no pool. */
const histories = new WeakMap<object, PoolHistory>();

export function poolHistoryOf(dataSource: DataSource): PoolHistory {
  const { master, pool = master } = dataSource.driver as { master?: Pool; pool?: Pool };
  const key = pool ?? dataSource;
  let history = histories.get(key);
  if (!history) histories.set(key, (history = new PoolHistory(pool)));
  return history;
}
