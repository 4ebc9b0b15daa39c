import { Logger } from '@nestjs/common';
import { type DataSource, QueryFailedError, type QueryRunner } from 'typeorm';

/** The data sources whose pooler does not keep track of prepared statements. */
const unsupported = new WeakSet<DataSource>();

/** Whether statements may have names. A name stays in a session of the server, and needs one session per connection. */
export function areNamesSupported(dataSource: DataSource): boolean {
  return !unsupported.has(dataSource);
}

/**
 * Whether a statement failed because a pooler shares the sessions of the server between connections. Then the
 * statements of this data source get no names any more.
 */
export async function isNameLost(dataSource: DataSource, error: unknown, runner: QueryRunner): Promise<boolean> {
  const { code } = (error instanceof QueryFailedError ? error.driverError : {}) as { code?: string };
  // The session has the statement of another connection, or forgot it. `DISCARD ALL` has that effect, too.
  const isShared = code === '42P05' || (code === '26000' && (await isPooled(runner)));
  if (isShared && areNamesSupported(dataSource)) {
    unsupported.add(dataSource);
    new Logger('AuthDatabase').warn(
      'The pooler in front of PostgreSQL does not keep track of prepared statements. So statements are sent without ' +
        'names from now on. To avoid this warning, set preparedStatements: false. It is faster to use PgBouncer 1.21 ' +
        'or later with max_prepared_statements above 0.',
    );
  }
  return isShared;
}

/** A pooler gives its clients process ids of its own. */
async function isPooled(runner: QueryRunner): Promise<boolean> {
  const { processID } = (await runner.connect()) as { processID?: number };
  const [{ pid }] = (await runner.query('SELECT pg_backend_pid() AS pid')) as { pid: number }[];
  return processID !== pid;
}
