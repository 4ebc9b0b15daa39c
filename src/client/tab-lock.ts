import { inBrowser, type Locks, platform } from './platform.js';

/** Milliseconds after which the lock is taken from a tab that neither finishes nor dies: a frozen one. */
const LOCK_TIMEOUT = 6_000;

/** Does the work while no other is done. It is told whether it had to wait, perhaps for another tab. */
export type Alone = <T>(work: (waited: boolean) => Promise<T>) => Promise<T>;

/** One at a time among all tabs; where there are no locks, in this one. */
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

/** Where the lock is taken from this tab, its work goes on all the same: the server gives the same token to both. */
function underLock<T>(locks: Locks, name: string, work: (waited: boolean) => Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let begun = false;
    const run = async (waited: boolean): Promise<unknown> => {
      begun = true;
      // The lock only waits for the end of the work.
      return work(waited).then(resolve, reject);
    };
    const wait = () => {
      const signal = AbortSignal.timeout(LOCK_TIMEOUT + 1_000 * Math.random());
      return locks.request(name, { signal }, () => run(true));
    };
    void locks
      .request(name, { ifAvailable: true }, (lock) => lock && run(false))
      .then(() => begun || wait())
      // Waited in vain. Work that has begun, and from which the lock is stolen, is none of that: it answers for itself.
      .catch(() => begun || locks.request(name, { steal: true }, () => run(true)))
      // Where locks are forbidden, as in a sandboxed frame.
      .catch(() => begun || run(false));
  });
}
