import type { DataSource, QueryRunner } from 'typeorm';

/** The methods of `pg` and `mysql2` that close a connection. In-process databases have none. */
interface Connection {
  destroy?(): void;
  /** The socket of `mysql2`. Its `destroy` leaves the socket half open. */
  stream?: { destroy?(): void };
  end?(): unknown;
}

/**
 * Does the work on its own connection, and resolves to the result.
 *
 * If a server or network fails silently, the work would wait forever. The next user of the connection would wait, too.
 * So a timeout closes the connection and aborts the work. Work that is still waiting for a connection then does not
 * start.
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
      // `end` of `pg` destroys a connection with a running query. `end` of `mysql2` would wait for the query.
      if (connection?.destroy) {
        connection.destroy();
        connection.stream?.destroy?.();
      } else void connection?.end?.();
      reject(new Error(`The database did not answer within ${timeout} ms`));
    }, timeout);

    const run = async (): Promise<T> => {
      const runner = dataSource.createQueryRunner();
      try {
        connection = (await runner.connect()) as Connection | undefined;
        if (givenUp) throw new Error('The database connection came too late');
        return await work(runner);
      } finally {
        clearTimeout(timer);
        await runner.release();
      }
    };
    run().then(resolve, reject);
  });
}
