import { refuseAborted, unlessAborted } from './aborting.js';
import type { AccessToken } from './access-token.js';
import type { ResolvedClientOptions } from './client-options.js';
import type { Healing } from './healing.js';
import { refusalIn } from './token-refusal.js';
import { copiesOf } from './repeatable.js';
import { discard, jsonCopyOf } from './responses.js';
import type { SessionKeeper } from './session-keeper.js';
import { absoluteUrl, originOf } from './url.js';

/** The platform's `fetch`, with the access token for the allowed origins. */
export function authorizedFetch(keeper: SessionKeeper, healing: Healing, options: ResolvedClientOptions): typeof fetch {
  return async (input, init = {}) => {
    const request = typeof input === 'object' && 'url' in input ? input : undefined;
    const href = absoluteUrl(request?.url ?? String(input), options.baseUrl);
    // A `Request` is sent with the text that it has.
    const origin = originOf(request?.url ?? href);
    const target = request ?? href;
    const headers = new Headers(init.headers ?? request?.headers);
    if (!options.origins.includes(origin) || headers.has('authorization')) return options.fetch(target, init);

    const signal = init.signal === undefined ? request?.signal : init.signal;
    const copies = copiesOf(target, init.body);
    const asked = {
      url: href,
      method: (init.method ?? request?.method ?? 'GET').toUpperCase(),
      body: init.body,
      text: () => copies.text(),
    };
    const send = async (token: AccessToken, isLast = false) => {
      refuseAborted(signal);
      const response = await keeper.send(copies.take(isLast), { ...init, headers }, token);
      const { status, headers: answered, redirected, url } = response;
      // A stranger to whom the server has redirected was not sent the token.
      const isOurs = !redirected || options.origins.includes(originOf(url));
      const refusal = isOurs
        ? await refusalIn(asked, { status, headers: answered, json: () => jsonCopyOf(response) })
        : undefined;
      if (!refusal) healing.accepted(origin);
      return { response, refusal };
    };

    const issuer = keeper.state.sessionId;
    return unlessAborted(signal, async () => {
      const token = await healing.tokenFor(issuer);
      refuseAborted(signal);
      if (!token) return options.fetch(target, init);
      try {
        const { response, refusal } = await send(token);
        if (!refusal) return response;
        const renewal = healing.renewed(origin, token);
        // Also if the request is not repeated: the next one needs the new token.
        renewal.catch(() => undefined);
        if (!refusal.isWorthRepeating || !copies.hasNext()) return response;
        const renewed = await renewal;
        if (!renewed) return response;
        discard(response);
        return (await send(renewed, true)).response;
      } finally {
        copies.drop();
      }
    });
  };
}
