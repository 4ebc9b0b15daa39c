import DataLoader from 'dataloader';

/** The largest batch. */
const MOST = 16;

/**
 * Batches calls that arrive at the same moment into one call of `askAll`. One round trip for many keys costs less than
 * one per key. Results are not cached.
 *
 * @param askAll returns one value per key, in the same order; if it rejects, every call of the batch rejects
 */
export function batchCalls<Key, Value>(
  askAll: (keys: readonly Key[]) => Promise<Value[]>,
): (key: Key) => Promise<Value> {
  const loader = new DataLoader<Key, Value>(askAll, {
    cache: false,
    maxBatchSize: MOST,
    // Waits until all requests that have arrived are processed.
    batchScheduleFn: setImmediate,
  });
  return (key) => loader.load(key);
}
