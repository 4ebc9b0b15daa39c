import { AuthError } from '../errors/auth-error.js';
import { UnreadableAnswer } from './answer.js';

/** Resolves to the result of the work. If the database fails, it throws `temporarily_unavailable`. */
export async function unavailableOnFailure<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof AuthError) throw cause;
    throw new AuthError('temporarily_unavailable', undefined, { cause });
  }
}

/** Whether the database has answered, but with a value that its column cannot hold. */
export function isUnreadable(error: unknown): boolean {
  return error instanceof AuthError && error.cause instanceof UnreadableAnswer;
}
