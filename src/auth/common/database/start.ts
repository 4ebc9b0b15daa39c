import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { AuthConfigurationError, AuthError } from '../errors/auth-error.js';
import { UnreadableAnswer } from './answer.js';
import { isMissingTable } from './missing-table.js';

/** Milliseconds between the tries. */
const PAUSE = 1_000;

const logger = new Logger('AuthDatabase');

/**
 * An application may start while its database is busy, or is just starting. So the work is tried again.
 *
 * @param failure what fails, for the log: `The list of revoked sessions cannot be read`
 * @param attempt its argument is the rest of the time in milliseconds
 * @throws AuthConfigurationError if a table or column does not exist, or the driver returns values that cannot be read
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
      const cause = error instanceof AuthError ? error.cause : error;
      if (isMissingTable(cause)) throw missingTable(cause);
      if (cause instanceof UnreadableAnswer) throw new AuthConfigurationError(cause.message);
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
