import { STORE_TIMEOUT } from '../times.js';

/** The result of a store. @throws if the store throws, or does not answer in time */
export function bounded<T>(work: () => T | Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('The store does not answer.')), STORE_TIMEOUT);
    const done = () => clearTimeout(timer);
    new Promise<T>((begun) => begun(work())).then(resolve, reject).then(done, done);
  });
}
