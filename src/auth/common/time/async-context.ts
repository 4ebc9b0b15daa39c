import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { types } from 'node:util';

/** What every `AsyncLocalStorage` of the process holds here. No public function of Node.js tells this. */
function storesHere(): unknown[] {
  const resource: object = new AsyncResource('nrt.stores', { requireManualDestroy: true });
  return Object.getOwnPropertySymbols(resource).flatMap((symbol) => {
    const carried: unknown = Reflect.get(resource, symbol);
    // Up to Node.js 22 a resource carries the value of each storage, from 24 on one map of them all.
    if (symbol.description === 'kResourceStore') return [carried];
    const isFrame = symbol.description === 'context_frame' && types.isMap(carried);
    return isFrame ? [...Map.prototype.values.call(carried)] : [];
  });
}

/** Whether this version of Node.js shows what the storages hold. */
const isVisible = (() => {
  const storage = new AsyncLocalStorage<object>();
  const store = {};
  const isSeen = storage.run(store, () => storesHere().includes(store));
  storage.disable();
  return isSeen;
})();

/**
 * Whether this code runs in a context: some `AsyncLocalStorage` holds a value, for example the tenant of the request. Also
 * `true` if Node.js does not show it.
 */
export function isInContext(): boolean {
  return !isVisible || storesHere().some((store) => store !== undefined);
}
