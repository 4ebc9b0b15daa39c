import { AsyncResource } from 'node:async_hooks';
import DataLoader from 'dataloader';
import { activeSpan, tracedTogether } from '../tracing/traced.js';

/** The largest batch. */
const MOST = 16;

/**
 * Batches calls that arrive at the same moment into one call of `askAll`. One round trip for many keys costs less than
 * one per key. Results are not cached.
 *
 * A batch runs in no caller's `AsyncLocalStorage`: what it calls must not take one caller for all.
 *
 * @param askAll returns one value per key, in the same order, or an error for this key alone; if it rejects, every call
 *   of the batch rejects
 */
export function batchCalls<Key, Value>(
  askAll: (keys: readonly Key[]) => Promise<(Value | Error)[]>,
): (key: Key) => Promise<Value> {
  const ask = AsyncResource.bind((calls: readonly { key: Key; caller: unknown }[]) =>
    tracedTogether(
      calls.map(({ caller }) => caller),
      () => askAll(calls.map(({ key }) => key)),
    ),
  );
  const loader = new DataLoader(ask, {
    cache: false,
    maxBatchSize: MOST,
    // Waits until all requests that have arrived are processed.
    batchScheduleFn: setImmediate,
  });
  return (key) => loader.load({ key, caller: activeSpan() });
}

/**
 * Asks for all keys together. If that fails because of one of them, each is asked for alone, so that only this one fails.
 *
 * @param isOfOne whether an error may be about a single key
 */
export async function togetherOrAlone<Key, Value>(
  keys: readonly Key[],
  askAll: (keys: readonly Key[]) => Promise<Value[]>,
  isOfOne: (error: unknown) => boolean,
): Promise<(Value | Error)[]> {
  try {
    return await askAll(keys);
  } catch (error) {
    if (keys.length === 1 || !isOfOne(error)) throw error;
    const askOne = async (key: Key) => (await askAll([key]))[0];
    return Promise.all(keys.map((key) => askOne(key).catch((ofOne: Error) => ofOne)));
  }
}
