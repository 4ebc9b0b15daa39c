import type { AccessToken } from '../access-token.js';
import type { AuthClient } from '../auth-client.js';
import { innerOf } from '../create-auth-client.js';
import { errorIn, isRepeatable } from '../proven-fetch.js';

interface AxiosHeadersLike {
  set(name: string, value: string): unknown;
  has(name: string): boolean;
  delete(name: string): unknown;
}

interface AxiosConfigLike {
  method?: string;
  data?: unknown;
  headers: AxiosHeadersLike;
  /** Set by the interceptor when it repeats a request. */
  authRepeated?: true;
}

/** The body of an error response, if it was parsed. */
interface RefusalLike {
  error?: string;
}

interface AxiosErrorLike {
  config?: AxiosConfigLike;
  response?: { status: number; data?: RefusalLike; headers: Record<string, string | undefined> };
}

interface AxiosInterceptorsLike {
  use(fulfilled: never, rejected?: never): number;
  eject(id: number): void;
}

/**
 * The parts of an axios instance that {@link interceptAxios} uses. The client does not depend on axios.
 *
 * @example
 * const api: AxiosLike = axios.create();
 */
export interface AxiosLike {
  interceptors: { request: AxiosInterceptorsLike; response: AxiosInterceptorsLike };
  getUri(config: never): string;
  request(config: never): Promise<unknown>;
}

/**
 * Adds the client's access token to the requests of an axios instance, with the same rules as `client.fetch`.
 *
 * @returns a function that removes the interceptors
 * @throws AuthClientError from requests: `temporarily_unavailable` if a new token is needed and cannot be fetched;
 *   `step_up_required`
 * @example
 * const api = axios.create({ baseURL: 'https://api.example' });
 * interceptAxios(api, client);
 */
export function interceptAxios(axios: AxiosLike, client: AuthClient): () => void {
  const [keeper, { origins, baseUrl }] = innerOf.get(client)!;
  const { request, response } = axios.interceptors;
  /** The token that each request was sent with. */
  const tokens = new WeakMap<object, AccessToken>();
  const urlOf = (config: AxiosConfigLike) => new URL(axios.getUri(config as never), baseUrl).href;

  const authorize = async (config: AxiosConfigLike) => {
    const url = urlOf(config);
    if (!origins.includes(new URL(url).origin) || config.headers.has('Authorization')) return config;
    const token = await keeper.current();
    if (!token) return config;
    const method = (config.method ?? 'GET').toUpperCase();
    for (const [name, value] of await keeper.requests.headersFor(method, url, token)) config.headers.set(name, value);
    tokens.set(config, token);
    return config;
  };

  const heal = async (error: AxiosErrorLike) => {
    const { response: answer, config } = error;
    const token = config && tokens.get(config);
    if (!answer || !token || config.authRepeated) throw error;
    const get = (name: string) => answer.headers[name] ?? null;
    const code = await codeOf(answer.data, get('www-authenticate'));
    const unproven = await keeper.requests.learn(urlOf(config), answer.status, { get }, async () => code);
    const renewal = keeper.afterRefusal(token, answer.status, code);
    if (!isRepeatable(config.data) || !(unproven || (await renewal))) throw error;
    config.headers.delete('Authorization');
    return axios.request({ ...config, authRepeated: true } as never);
  };

  const onRequest = request.use(authorize as never);
  const onResponse = response.use(((answer: unknown) => answer) as never, heal as never);
  return () => {
    request.eject(onRequest);
    response.eject(onResponse);
  };
}

/**
 * With a `responseType` other than `json`, the error body is text or bytes. A stream belongs to the application and is
 * not read.
 */
async function codeOf(refusal: RefusalLike | undefined, challenge: string | null): Promise<string | undefined> {
  if (isRepeatable(refusal)) return refusal?.error ?? errorIn(new Response(refusal as never));
  // The token is not valid, and the reason is unknown: the next request gets a new one.
  return challenge?.includes('"invalid_token"') ? 'token_revoked' : undefined;
}
