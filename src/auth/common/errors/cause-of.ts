import { AuthError } from './auth-error.js';

/** What a log should say of an error: the error of the database or the host, if it is the reason. */
export function causeOf(error: unknown): unknown {
  return error instanceof AuthError ? (error.cause ?? error) : error;
}
