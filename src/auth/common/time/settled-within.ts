import { withTimeout } from './with-timeout.js';

/** Resolves when the work has ended, well or not, or after this number of milliseconds. */
export async function settledWithin(limit: number, work: Promise<unknown> | undefined): Promise<void> {
  await withTimeout(Math.max(0, limit), 'The work', Promise.allSettled([work])).catch(() => undefined);
}
