import { AuthError } from '../errors/auth-error.js';

/** Resolves to the result of the work. If the database fails, it throws `temporarily_unavailable`. */
export async function unavailableOnFailure<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof AuthError) throw cause;
    throw new AuthError('temporarily_unavailable', undefined, { cause });
  }
}
