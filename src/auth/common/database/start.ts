import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { AuthConfigurationError, AuthError } from '../errors/auth-error.js';
import { causeOf } from '../errors/cause-of.js';
import { UnreadableAnswer } from './answer.js';
import { isMissingTable } from './missing-table.js';
import { UnfitConnectionError } from './unfit-connection.js';

/** Milliseconds between the tries. */
const PAUSE = 1_000;

const logger = new Logger('AuthDatabase');

/**
 * An application may start while its database is busy, or is just starting. So the work is tried again.
 *
 * @param failure what fails, for the log: `The list of revoked sessions cannot be read`
 * @param attempt its argument is the rest of the time in milliseconds
 * @throws AuthConfigurationError for a reason that does not pass: for example, a table does not exist
 * @throws AuthError `temporarily_unavailable` after the timeout
 */
export async function atStart<T>(
  { databaseStartTimeout }: { databaseStartTimeout: number },
  failure: string,
  attempt: (remaining: number) => Promise<T>,
): Promise<T> {
  const end = performance.now() + databaseStartTimeout;
  for (;;) {
    try {
      return await attempt(end - performance.now());
    } catch (error) {
      const cause = causeOf(error);
      if (cause instanceof AuthConfigurationError) throw cause;
      if (isMissingTable(cause)) throw missingTable(cause);
      if (cause instanceof UnreadableAnswer) throw new AuthConfigurationError(cause.message);
      if (cause instanceof UnfitConnectionError) throw unfitConnections(cause);
      if (performance.now() > end) throw new AuthError('temporarily_unavailable', undefined, { cause });
      logger.warn(`${failure} yet. It is tried again. ${String(cause)}`);
      await delay(PAUSE);
    }
  }
}

function missingTable(cause: unknown): AuthConfigurationError {
  return new AuthConfigurationError(
    `A table of the module is missing or out of date (${String(cause)}). ` +
      'Add refreshTokenMigrations to the data source, and run the migrations before the application starts.',
  );
}

/** The error of a new connection, so the server or the data source makes all connections like this. */
function unfitConnections({ message }: UnfitConnectionError): AuthConfigurationError {
  return new AuthConfigurationError(
    `${message}. The module needs connections that commit each statement (autocommit), and a role that sees all rows of ` +
      'its tables: their owner, or one with BYPASSRLS.',
  );
}
