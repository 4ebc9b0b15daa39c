import DataLoader from 'dataloader';

/** How many are asked for at once at most. */
const MOST = 16;

/**
 * Answers one question at a time by asking all those that come at the same moment together, as a round trip costs more than
 * one more answer. Nothing is remembered.
 *
 * @param askAll answers as many as it is asked, in their order; what it rejects with, it does for all of them
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
