import DataLoader from 'dataloader';
import { activeSpan, tracedTogether } from '../tracing/traced.js';
import { isInContext } from './async-context.js';

/** The largest batch. */
const MOST = 16;

/**
 * Batches calls that arrive at the same moment into one call of `askAll`. One round trip for many keys costs less than
 * one per key. Results are not cached.
 *
 * A batch runs in the `AsyncLocalStorage` of its first caller. What `askAll` calls may read its tenant there. So a call
 * from within a context is not batched.
 *
 * @param askAll returns one value per key, in the same order, or an error for this key alone; if it rejects, every call
 *   of the batch rejects
 */
export function batchCalls<Key, Value>(
  askAll: (keys: readonly Key[]) => Promise<(Value | Error)[]>,
): (key: Key) => Promise<Value> {
  const ask = (calls: readonly { key: Key; caller: unknown }[]) =>
    tracedTogether(
      calls.map(({ caller }) => caller),
      () => askAll(calls.map(({ key }) => key)),
    );
  const loader = new DataLoader(ask, {
    cache: false,
    maxBatchSize: MOST,
    // Waits until all requests that have arrived are processed.
    batchScheduleFn: setImmediate,
  });
  const askAlone = async (call: { key: Key; caller: unknown }) => {
    const [value] = await ask([call]);
    if (value instanceof Error) throw value;
    return value;
  };
  return (key) => {
    const caller = activeSpan();
    return isInContext(caller) ? askAlone({ key, caller }) : loader.load({ key, caller });
  };
}
