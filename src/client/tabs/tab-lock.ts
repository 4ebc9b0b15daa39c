import { inBrowser, type Locks, platform } from '../platform.js';
import { LOCK_TIMEOUT } from '../times.js';

/** Runs the work while no other tab runs its own. `waited` says whether it had to wait. */
export type Alone = <T>(work: (waited: boolean) => Promise<T>) => Promise<T>;

/** One at a time across all tabs. Without Web Locks, one at a time in this tab. */
export function tabLock(name: string): Alone {
  const locks = inBrowser ? platform.navigator?.locks : undefined;
  if (locks) return (work) => underLock(locks, name, work);
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = last.then(() => work(false));
    last = result.catch(() => undefined);
    return result;
  };
}

/**
 * If the lock is taken from this tab, its work continues. That is safe, because the server gives both tabs the same
 * token.
 */
function underLock<T>(locks: Locks, name: string, work: (waited: boolean) => Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let begun = false;
    const run = async (waited: boolean): Promise<unknown> => {
      begun = true;
      // The lock waits for the work to end; its result goes to the caller.
      return work(waited).then(resolve, reject);
    };
    const wait = () => {
      const over = new AbortController();
      const timer = setTimeout(() => over.abort(), LOCK_TIMEOUT + 1_000 * Math.random());
      return locks.request(name, { signal: over.signal }, () => {
        clearTimeout(timer);
        return run(true);
      });
    };
    void locks
      .request(name, { ifAvailable: true }, (lock) => lock && run(false))
      .then(() => begun || wait())
      // The wait timed out, so take the lock. Work that has already begun reports its own errors.
      .catch(() => begun || locks.request(name, { steal: true }, () => run(true)))
      // Locks can be forbidden, for example in a sandboxed frame.
      .catch(() => begun || run(false));
  });
}
