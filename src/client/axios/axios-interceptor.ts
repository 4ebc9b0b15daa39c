import type { AuthClient } from '../auth-client.js';
import { invalidConfiguration } from '../client-errors.js';
import { innerOf } from '../create-auth-client.js';
import type { AxiosLike } from './axios-like.js';
import { type Config, type Exchange, exchangeOf } from './exchange.js';

/** A request of the application. It keeps its session if a library sends it again, for example `axios-retry`. */
interface Issued {
  adapter: unknown;
  issuer: string | undefined;
}

/**
 * Adds the client's access token to the requests of an axios instance, with the same rules as `client.fetch`.
 *
 * It works below all other interceptors: they see one response, and no token. A request is repeated as it was sent. Relative
 * URLs without a `baseURL` belong to the page.
 *
 * @returns a function that removes the token from later requests
 * @throws AuthClientError `invalid_configuration` for a client of a different copy of the package. From requests: `temporarily_unavailable` if a new token is needed and cannot be fetched;
 *   `session_changed`; `step_up_required`
 * @example
 * const api = axios.create({ baseURL: 'https://api.example' });
 * interceptAxios(api, client);
 */
export function interceptAxios(axios: AxiosLike, client: AuthClient): () => void {
  const inner = innerOf.get(client);
  if (!inner) {
    throw invalidConfiguration(
      'This client is of a different copy of the package. Import both from one build of nestjs-refresh-token.',
    );
  }
  const [keeper, healing, { origins }] = inner;
  const exchange: Exchange = exchangeOf(axios, keeper, healing, origins);
  const known = new WeakMap<object, Issued>();

  const authorize = (config: Config): Config => {
    const issued = known.get(Object(config.adapter) as object) ?? {
      adapter: config.adapter,
      issuer: keeper.state.sessionId,
    };
    const adapter = (final: Config) => exchange(final, issued);
    known.set(adapter, issued);
    config.adapter = adapter;
    return config;
  };

  const { request } = axios.interceptors;
  const id = request.use(authorize as never);
  return () => request.eject(id);
}
