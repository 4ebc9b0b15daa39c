import type { ResolvedClientOptions } from './client-options.js';
import { absoluteUrl, originOf } from './url.js';
import { errorCodeOf, isRepeatable } from './proven-fetch.js';
import type { SessionKeeper } from './session-keeper.js';

/** The platform's `fetch`, with the access token for the allowed origins. */
export function authorizedFetch(keeper: SessionKeeper, options: ResolvedClientOptions): typeof fetch {
  return async (input, init = {}) => {
    const request = typeof input === 'object' && 'url' in input ? input : undefined;
    const url = absoluteUrl(request?.url ?? String(input), options.baseUrl);
    const target = request ?? url;
    const own = new Headers(init.headers ?? request?.headers);
    if (!options.origins.includes(originOf(url)) || own.has('authorization')) return options.fetch(target, init);

    const signal = init.signal ?? request?.signal;
    const send = (token: Awaited<ReturnType<typeof keeper.current>>) =>
      keeper.requests.fetch(target, { ...init, headers: own }, token);

    const token = await unlessAborted(keeper.current(), signal);
    const response = token ? await send(token) : await options.fetch(target, init);
    if (!token || response.status !== 401) return response;

    const renewal = keeper.afterRefusal(token, 401, await errorCodeOf(response));
    if (!renewal || !isRepeatable(init.body, target)) return response;
    const renewed = await unlessAborted(renewal, signal);
    if (!renewed) return response;
    void response.body?.cancel();
    return send(renewed);
  };
}

/** An aborted request does not wait for the refresh. The refresh continues for the other requests. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | null | undefined): Promise<T> {
  if (!signal) return promise;
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', abort);
    void promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
