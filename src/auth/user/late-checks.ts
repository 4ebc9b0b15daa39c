const lateChecks = new WeakMap<object, Promise<boolean>>();

/** Remembers the password check that goes on although its request fails with this error. */
export function rememberLateCheck(error: unknown, isRight: Promise<boolean>): void {
  // Perhaps nobody asks how it ends.
  isRight.catch(() => undefined);
  lateChecks.set(error as object, isRight);
}

/**
 * The password check that goes on although its request failed with this error: whether the password was right. Rejects if
 * the check fails.
 */
export function lateCheckOf(error: unknown): Promise<boolean> | undefined {
  return typeof error === 'object' && error !== null ? lateChecks.get(error) : undefined;
}
