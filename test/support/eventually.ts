import { vi } from 'vitest';

/** Milliseconds. */
interface Waiting {
  /** What a test waits for comes at once, unless the machine is busy. A claim about time names its own limit. */
  limit?: number;
  /** The pause between two checks. */
  interval?: number;
}

/** Repeats a check until it holds, and fails with its last error. */
export const eventually = <T>(
  check: () => T | Promise<T>,
  { limit = 60_000, interval = 20 }: Waiting = {},
): Promise<T> => vi.waitFor(check, { timeout: limit, interval });
