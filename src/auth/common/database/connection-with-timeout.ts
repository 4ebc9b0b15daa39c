import type { DataSource, QueryRunner } from 'typeorm';

/** What connections of `pg` and of `mysql2` have for it; those of databases within the process have nothing to hang up. */
interface Connection {
  destroy?(): void;
  /** The socket of `mysql2`, which `destroy` leaves half open. */
  stream?: { destroy?(): void };
  end?(): unknown;
}

/**
 * What the work yields, done on a connection of its own.
 *
 * A server that has died in silence, or the network before it, would be waited for without end, and so would the
 * connection by whoever comes next. So the connection is closed with the work that is given up. Work that is still waiting
 * for a connection is not begun late.
 *
 * @param timeout milliseconds
 */
export function withConnection<T>(
  dataSource: DataSource,
  timeout: number,
  work: (runner: QueryRunner) => Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let connection: Connection | undefined;
    let givenUp = false;
    const timer = setTimeout(() => {
      givenUp = true;
      // A connection of `pg` is destroyed by `end` while a query is under way; one of `mysql2` would go on waiting.
      if (connection?.destroy) {
        connection.destroy();
        connection.stream?.destroy?.();
      } else void connection?.end?.();
      reject(new Error(`The database has not answered within ${timeout} ms`));
    }, timeout);

    const run = async (): Promise<T> => {
      const runner = dataSource.createQueryRunner();
      try {
        connection = (await runner.connect()) as Connection | undefined;
        if (givenUp) throw new Error('The database has let us connect too late');
        return await work(runner);
      } finally {
        clearTimeout(timer);
        await runner.release();
      }
    };
    run().then(resolve, reject);
  });
}
