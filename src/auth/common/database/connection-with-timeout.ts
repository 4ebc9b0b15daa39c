import type { DataSource, QueryRunner } from 'typeorm';

/** What connections of `pg` and of `mysql2` have for it; those of databases within the process have nothing to hang up. */
interface Connection {
  destroy?(): void;
  /** The socket of `mysql2`, which `destroy` leaves half open. */
  stream?: { destroy?(): void };
  end?(): unknown;
}

/**
 * Does the work on a connection of its own, and returns its result.
 *
 * If the server or the network dies without a sign, the work would wait for ever, and so would the next user of the connection. So a
 * time-out closes the connection. Work that still waits for a connection at that time never begins.
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
