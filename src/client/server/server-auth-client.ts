import { AuthClientError } from '../auth-client-error.js';
import { unavailable } from '../client-errors.js';
import type { AuthClientUser } from '../auth-client.js';
import { answered, refusal } from '../auth-routes.js';
import { copiesOf, isStream } from '../repeatable.js';
import { discard, errorCodeOf, jsonIn } from '../responses.js';
import { CookieLedger } from './cookie-ledger.js';
import { isOfForeignPage } from './incoming-headers.js';
import { RequestCookies } from './request-cookies.js';
import { resolveServerOptions, type ServerAuthClientOptions } from './server-client-options.js';
import { ServerRefresh } from './server-refresh.js';
import { sessionOf } from './session-of.js';

/**
 * The session of one incoming request, on a server that renders pages. It refreshes at most once.
 *
 * @example
 * const client: ServerAuthClient = createServerAuthClient({ baseUrl, cookies: await cookies() });
 * const user = await client.user();
 */
export interface ServerAuthClient<User = AuthClientUser> {
  /**
   * The platform's `fetch`, with the access token for `baseUrl` and the allowed origins. Relative URLs are resolved
   * against `baseUrl`. A request that is refused because of its token is repeated once, after a refresh. Without a user,
   * the request is sent without a token.
   *
   * @throws AuthClientError as `getAccessToken()`
   * @example
   * const response = await client.fetch('/orders');
   */
  fetch: typeof fetch;
  /**
   * Returns the user whose session the cookies have; `null` if they have none. It asks the auth server, so a session that
   * has ended is noticed. After a link from another site there are no cookies: then the user is `null` too.
   *
   * @throws AuthClientError as `getAccessToken()`
   * @example
   * const user = await client.user();
   */
  user(): Promise<User | null>;
  /**
   * Returns an access token; `null` without a session. It refreshes if there is no access token that is still valid.
   *
   * @throws AuthClientError `temporarily_unavailable`: nothing is decided, for example because the auth server does not
   *   answer, or because a refresh is needed where cookies cannot be set. Do not treat the visitor as signed out.
   * @throws AuthClientError `step_up_required`: the user must enter the password again
   * @throws AuthClientError `forbidden`: a page of another origin made the browser send this request
   * @throws AuthClientError `cookie_not_kept`: the response had begun before the new cookie could be set
   * @example
   * const accessToken = await client.getAccessToken();
   */
  getAccessToken(): Promise<string | null>;
  /**
   * Refreshes now, unless this client already has. Use it after you changed permissions.
   *
   * @throws AuthClientError as `getAccessToken()`
   * @example
   * await client.refresh();
   */
  refresh(): Promise<void>;
  /**
   * The complete `Set-Cookie` headers for the response to the browser. They are those of the auth server, and one of this
   * client. If you gave the `Cookie` header, or `request.cookies` in middleware of Next.js, add each of them to the response.
   * Read it after the other calls, and also after an error.
   */
  readonly setCookies: readonly string[];
}

/**
 * The refusals after which a refresh may help, or shows that the session has ended. A token that the browser kept may be
 * older than the secret of the auth server.
 */
const RENEWABLE = ['token_expired', 'token_stale', 'token_revoked', 'invalid_token'];

/**
 * Creates a client for one incoming request, on a server that renders pages: Next.js, React Router, SvelteKit, Nuxt, or
 * plain Node.js. It uses the cookies of the browser. Create one for each incoming request, and never share it.
 *
 * @throws AuthClientError `invalid_configuration` for an option that is not valid; the message says what to write
 * @example
 * // A server component of Next.js. `proxy.ts` has refreshed before.
 * const client = createServerAuthClient({ baseUrl, cookies: await cookies(), headers: await headers(), readOnly: true });
 * const user = await client.user();
 *
 * @example
 * // Plain Node.js
 * const client = createServerAuthClient({ baseUrl, cookies: request.headers.cookie, headers: request.headers });
 * const user = await client.user();
 * for (const cookie of client.setCookies) response.appendHeader('Set-Cookie', cookie);
 */
export function createServerAuthClient<User = AuthClientUser>(given: ServerAuthClientOptions): ServerAuthClient<User> {
  const options = resolveServerOptions(given);
  const cookies = new RequestCookies(given.cookies);
  const ledger = new CookieLedger(cookies, options.ledgerName, options.keepAccessToken, options.ledgerAttributes);
  let refreshed: Promise<string | null> | undefined;

  /** One refresh for the incoming request, whatever its result. */
  const refresh = (): Promise<string | null> => {
    refreshed ??= renewed();
    return refreshed;
  };

  const renewed = async () => {
    const refreshToken = presented();
    if (refreshToken === undefined) return null;
    if (!options.readOnly) return new ServerRefresh(options, cookies, ledger).run(refreshToken);
    throw unavailable('There is no valid access token, and this client may only read cookies.');
  };

  const presented = (): string | undefined => {
    const refreshToken = cookies.read(options.cookieName);
    if (refreshToken === undefined || !isOfForeignPage(options.headers, options.pageOrigins)) return refreshToken;
    throw new AuthClientError('forbidden', 'A page of another origin may not use this session. See pageOrigins.', 403);
  };

  const accessTokenInCookie = () =>
    options.accessTokenCookieName === undefined ? undefined : cookies.read(options.accessTokenCookieName);

  const getAccessToken = async (): Promise<string | null> => {
    if (refreshed) return refreshed;
    const refreshToken = presented();
    if (refreshToken === undefined) return options.accessToken ?? refresh();
    const kept = await ledger.read(refreshToken);
    return options.accessToken ?? kept?.accessToken ?? accessTokenInCookie() ?? refresh();
  };

  /** The response, after a refresh if one was needed. `token` is `null` if nobody is signed in, then or at the start. */
  const authorized = async (
    send: (token: string | null, isLast: boolean) => Promise<Response>,
    repeatable: boolean,
  ) => {
    const token = await getAccessToken();
    const isLast = !token || !repeatable;
    const response = await send(token, isLast);
    if (!token || response.status !== 401) return { response, token };
    if (!RENEWABLE.includes((await errorCodeOf(response)) ?? '')) return { response, token };
    const next = await refresh();
    if (!next || next === token || isLast) return { response, token: next };
    // The application has given an access token of a different session than that of the cookie.
    if (token === options.accessToken && sessionOf(next) !== sessionOf(token)) return { response, token };
    discard(response);
    return { response: await send(next, true), token: next };
  };

  const ask = async (): Promise<User | null> => {
    const { forwarded, authUrl, timeout } = options;
    const signal = () => AbortSignal.timeout(timeout);
    if (!(await getAccessToken())) return null;
    const { response, token } = await authorized(
      (token) =>
        answered(
          options.fetch(`${authUrl}/me`, {
            headers: { ...forwarded, authorization: `Bearer ${token}` },
            redirect: 'manual',
            signal: signal(),
          }),
        ),
      true,
    );
    if (!token) return null;
    const body = await jsonIn<{ session_id: string }>(response);
    if (!response.ok || !body) throw refusal(response, body as object | undefined);
    const { session_id: sessionId, ...user } = body;
    return { ...user, sessionId } as User;
  };

  let user: Promise<User | null> | undefined;

  return {
    async fetch(input, init = {}) {
      const request = typeof input === 'object' && 'url' in input ? input : undefined;
      const url = new URL(request?.url ?? String(input), options.baseUrl).href;
      const own = new Headers(init.headers ?? request?.headers);
      const isOurs = options.origins.includes(new URL(url).origin) && !own.has('authorization');
      if (!isOurs) return options.fetch(request ?? url, init);
      const copies = copiesOf(request ?? url, init.body);
      const send = (token: string | null, isLast: boolean) => {
        const headers = new Headers(own);
        if (token) headers.set('authorization', `Bearer ${token}`);
        return options.fetch(copies.take(isLast), { ...init, headers });
      };
      try {
        return (await authorized(send, !isStream(init.body))).response;
      } finally {
        copies.drop();
      }
    },
    user() {
      user ??= ask().catch((error: unknown) => {
        user = undefined;
        throw error;
      });
      return user;
    },
    getAccessToken,
    async refresh() {
      await refresh();
    },
    get setCookies() {
      return cookies.headers;
    },
  };
}
