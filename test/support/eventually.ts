import { vi } from 'vitest';

/** What a test waits for comes at once, unless the machine is busy. */
const LIMIT = 60_000;

/** Repeats a check until it holds, with a pause of some milliseconds, and fails with its last error. */
export const eventually = <T>(check: () => T | Promise<T>, interval = 20): Promise<T> =>
  vi.waitFor(check, { timeout: LIMIT, interval });
