import { STORE_TIMEOUT } from '../times.js';
import { within } from '../within.js';

/** The result of a store. @throws if the store throws, or does not answer in time */
export function bounded<T>(work: () => T | Promise<T>): Promise<T> {
  return within(STORE_TIMEOUT, new Promise<T>((begun) => begun(work())));
}
