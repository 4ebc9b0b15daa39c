import { type AbortSignalLike, refuseAborted, unlessAborted } from '../aborting.js';
import { type AccessToken, authorizationOf } from '../access-token.js';
import type { Healing } from '../healing.js';
import { platform } from '../platform.js';
import { refusalIn } from '../token-refusal.js';
import { isStream } from '../repeatable.js';
import { errorCodeIn, type HeadersLike, jsonIn } from '../responses.js';
import type { SessionKeeper } from '../session-keeper.js';
import { absoluteUrl, originOf } from '../url.js';
import type { AxiosLike } from './axios-like.js';

/** The config of a request, after all interceptors and `transformRequest`. */
export interface Config {
  url?: string;
  method?: string;
  data?: unknown;
  headers?: object;
  adapter?: unknown;
  signal?: AbortSignalLike;
  cancelToken?: { toAbortSignal?(): AbortSignalLike & { unsubscribe?(): void } };
}

interface AxiosResponse {
  status: number;
  data: unknown;
  headers: object;
  config: Config;
}

interface AxiosFailure {
  config?: Config;
  response?: AxiosResponse;
}

/** What axios said, and how to say it to the application. */
interface Outcome {
  response: AxiosResponse;
  /** `validateStatus` decides whether a response is an error. */
  settle(): AxiosResponse;
}

/** Sends a request of axios with a token, and once more with a new one if the token is refused. */
export type Exchange = (config: Config, issued: { adapter: unknown; issuer: string | undefined }) => Promise<unknown>;

/** One repeat for the time and one for the nonce of a proof. */
const MOST_PROOFS = 3;

export function exchangeOf(axios: AxiosLike, keeper: SessionKeeper, healing: Healing, origins: string[]): Exchange {
  // It finds the adapter, and adds nothing: what the application has configured is in each config.
  const bare = axios.create();
  for (const name of Object.keys(bare.defaults)) delete bare.defaults[name as never];

  return (config, issued) => {
    const href = urlOf(axios, config);
    const origin = href && originOf(href);
    const headers = { ...config.headers };
    const isOurs = origin && origins.includes(origin) && !headersLike(headers).get('authorization');
    const send = (more: [string, string][]) => outcomeOf(bare, config, issued.adapter, headers, more);
    if (!isOurs) return send([]).then(({ settle }) => settle());

    const method = (config.method ?? 'GET').toUpperCase();
    const asked = {
      url: href,
      method,
      body: config.data,
      text: async () => (typeof config.data === 'string' ? config.data : undefined),
    };
    const canRepeat = !isStream(config.data);

    const sendProven = async (token: AccessToken) => {
      for (let left = MOST_PROOFS; ; left--) {
        const proof = await keeper.proofs?.proofFor(method, href, token);
        refuseAborted(signal);
        const authorization: [string, string] = ['Authorization', authorizationOf(token)];
        const outcome = await send(proof ? [authorization, ['DPoP', proof]] : [authorization]);
        const { status, data } = outcome.response;
        const answer = { status, headers: headersLike(outcome.response.headers), json: () => jsonOf(data) };
        const code = async () => errorCodeIn(await answer.json(), answer.headers);
        const again = await keeper.proofs?.learn(href, status, answer.headers, code);
        if (again && left > 1 && canRepeat) continue;
        const refusal = await refusalIn(asked, answer);
        if (!refusal) healing.accepted(origin);
        return { outcome, refusal };
      }
    };

    const cancelled = config.cancelToken?.toAbortSignal?.();
    const signal = config.signal ?? cancelled;
    return unlessAborted(signal, async () => {
      const token = await healing.tokenFor(issued.issuer);
      refuseAborted(signal);
      if (!token) return (await send([])).settle();
      issued.issuer ??= token.sessionId;
      const { outcome, refusal } = await sendProven(token);
      if (!refusal) return outcome.settle();
      const renewal = healing.renewed(origin, token);
      renewal.catch(() => undefined);
      // A response that is a stream belongs to the application.
      if (!refusal.isWorthRepeating || !canRepeat || isStream(outcome.response.data)) return outcome.settle();
      const renewed = await renewal;
      return renewed ? (await sendProven(renewed)).outcome.settle() : outcome.settle();
      // One token may be that of many requests.
    }).finally(() => cancelled?.unsubscribe?.());
  };
}

async function outcomeOf(
  bare: AxiosLike,
  config: Config,
  adapter: unknown,
  headers: object,
  more: [string, string][],
): Promise<Outcome> {
  const all = { ...headers, ...Object.fromEntries(more) };
  // The outer request has transformed the body, and will transform the response.
  const inner = { ...config, adapter, headers: all, transformRequest: [], transformResponse: [] };
  try {
    const response = (await bare.request(inner as never)) as AxiosResponse;
    response.config = config;
    return { response, settle: () => response };
  } catch (error) {
    const failure = error as AxiosFailure;
    if (failure.config) failure.config = config;
    if (!failure.response) throw error;
    failure.response.config = config;
    return {
      response: failure.response,
      settle: () => {
        throw error;
      },
    };
  }
}

/** A relative URL belongs to the page. Outside of a page, axios refuses it. */
function urlOf(axios: AxiosLike, config: Config): string {
  try {
    return absoluteUrl(axios.getUri(config as never), platform.location?.href);
  } catch {
    return '';
  }
}

/** The names are as they were given: axios keeps their case. */
function headersLike(headers: object): HeadersLike {
  const entries = Object.entries(headers) as [string, unknown][];
  return {
    get(name) {
      const value = entries.find(([key]) => key.toLowerCase() === name)?.[1];
      return value == null || value === false ? null : String(value as string);
    },
  };
}

/** The type of a body depends on `responseType`, and an adapter may have parsed it. */
async function jsonOf(data: unknown): Promise<unknown> {
  if (isStream(data)) return undefined;
  const isParsed = typeof data === 'object' && data?.constructor === Object;
  return isParsed || Array.isArray(data) ? data : jsonIn(new Response(data as never));
}
