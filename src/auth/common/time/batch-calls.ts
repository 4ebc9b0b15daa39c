import DataLoader from 'dataloader';

/** How many are asked for at once at most. */
const MOST = 16;

/**
 * Collects the calls of the same moment and makes them together, because a round trip costs more than one more answer. It caches
 * nothing.
 *
 * @param askAll returns one answer for each question, in their order; if it rejects, all calls reject
 */
export function batchCalls<Key, Value>(
  askAll: (keys: readonly Key[]) => Promise<Value[]>,
): (key: Key) => Promise<Value> {
  const loader = new DataLoader<Key, Value>(askAll, {
    cache: false,
    maxBatchSize: MOST,
    // After all requests that have arrived by now have been looked at.
    batchScheduleFn: setImmediate,
  });
  return (key) => loader.load(key);
}
