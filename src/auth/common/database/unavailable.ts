import { AuthError } from '../errors/auth-error.js';

/** What the work yields; a database that fails is `temporarily_unavailable`. */
export async function unavailableOnFailure<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof AuthError) throw cause;
    throw new AuthError('temporarily_unavailable', undefined, { cause });
  }
}
