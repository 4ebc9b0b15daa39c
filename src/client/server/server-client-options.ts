import { invalidConfiguration } from '../client-errors.js';
import { headerIn, type IncomingHeaders } from './incoming-headers.js';
import type { CookieJar, RequestCookieJar } from './request-cookies.js';

/** The options of {@link createServerAuthClient}. Times are milliseconds. */
export interface ServerAuthClientOptions {
  /** The URL at which this server reaches the auth server: for example `'http://api.internal:3000'`. */
  baseUrl: string;
  /**
   * The cookies of the incoming request. Give one of these:
   *
   * - An object that reads and sets cookies, for example `await cookies()` of Next.js.
   * - The `Cookie` header. Then add `client.setCookies` to the response.
   * - `request.cookies` in middleware of Next.js. The page then reads the new cookies from the request. Add
   *   `client.setCookies` to the response, too.
   */
  cookies: CookieJar | RequestCookieJar | string | null | undefined;
  /**
   * The headers of the incoming request. The auth server gets the user agent of the browser from them, for the session
   * list, the risk rules and the check of repeats. The client also reads `Sec-Fetch-Site` and `Origin` from them, and
   * refuses to use the cookie for pages of other origins.
   *
   * @default {}
   */
  headers?: IncomingHeaders;
  /**
   * The address of the browser. It goes to the auth server as `X-Forwarded-For`. Take it from the connection, or from a
   * proxy that you trust. The auth server must trust this server as a proxy.
   */
  clientAddress?: string;
  /**
   * Other headers of the incoming request that the auth server needs: for example that of a `headerSignal`, or
   * `x-forwarded-proto`.
   *
   * @default []
   */
  forward?: readonly string[];
  /**
   * An access token of this user, for example from middleware in front. The client uses it instead of refreshing. If it
   * came in a header of the request, the middleware must remove that header from what browsers send.
   */
  accessToken?: string | null;
  /**
   * Whether the client may only read cookies. Then it never refreshes, and needs an access token: from middleware in
   * front that has refreshed, or from `accessToken`.
   *
   * @default false
   */
  readOnly?: boolean;
  /**
   * Whether the browser keeps the access token for this server, in an HttpOnly cookie. With `false` each incoming
   * request that needs a token refreshes.
   *
   * @default true
   */
  keepAccessToken?: boolean;
  /**
   * The path of the auth routes, below `baseUrl`.
   *
   * @default 'auth'
   */
  authPath?: string;
  /**
   * Other origins that get access tokens from `client.fetch`, in addition to that of `baseUrl`.
   *
   * @default []
   */
  allowedOrigins?: readonly string[];
  /**
   * Other origins whose pages may use the cookie at this server, as browsers send them.
   *
   * @default []
   */
  pageOrigins?: readonly string[];
  /**
   * The name of the refresh cookie: `cookie.name` of the auth server. With `cookie.domain` there it is
   * `'__Secure-refresh_token'`, and with `cookie.secure: false` it is `'refresh_token'`.
   *
   * @default '__Host-refresh_token'
   */
  cookieName?: string;
  /**
   * The name of the access token's cookie, if the auth server sets one (`cookie.accessToken`). The client then uses its token,
   * and hands the new one to the browser after a refresh. Do not set it if the auth server sets none.
   */
  accessTokenCookieName?: string;
  /**
   * `cookie.sameSite` of the auth server. The client's own cookie has it too, so that both come with the same requests.
   *
   * @default 'strict'
   */
  sameSite?: 'strict' | 'lax' | 'none';
  /**
   * `cookie.partitioned` of the auth server. It needs `sameSite: 'none'`.
   *
   * @default false
   */
  partitioned?: boolean;
  /** The name of the client nonce's cookie: `cookie.clientNonceName` of the auth server. The default is the server's. */
  clientNonceName?: string;
  /**
   * How long a refresh may take with all its attempts, in milliseconds. The same limit holds for `user()`.
   *
   * @default 5000
   */
  timeout?: number;
  /** Sends the requests. By default it is `fetch` of the platform. */
  fetch?: typeof fetch;
}

export interface ResolvedServerOptions {
  readonly baseUrl: URL;
  readonly authUrl: string;
  readonly origins: readonly string[];
  readonly headers: IncomingHeaders;
  readonly pageOrigins: readonly string[];
  /** What every request to the auth routes says of the browser. */
  readonly forwarded: Readonly<Record<string, string>>;
  readonly accessToken: string | undefined;
  readonly readOnly: boolean;
  readonly keepAccessToken: boolean;
  readonly cookieName: string;
  readonly clientNonceName: string;
  readonly accessTokenCookieName: string | undefined;
  /** The attributes of the client's own cookie that depend on those of the auth server. */
  readonly ledgerAttributes: string;
  readonly ledgerName: string;
  readonly timeout: number;
  readonly fetch: typeof fetch;
}

const REFRESH_COOKIE = '__Host-refresh_token';
/** The names of the auth server, with the prefix that its options lead to. */
const USUAL_REFRESH_COOKIE = /^(__Host-|__Secure-|)refresh_token$/;
/** What the session list, the risk rules and the fingerprints of the auth server read. */
const FORWARDED = ['user-agent', 'sec-ch-ua', 'sec-ch-ua-mobile', 'sec-ch-ua-platform'];

/** @throws AuthClientError `invalid_configuration` */
export function resolveServerOptions(options: ServerAuthClientOptions): ResolvedServerOptions {
  const { authPath = 'auth', cookieName = REFRESH_COOKIE, headers = {}, timeout = 5000 } = options;
  const baseUrl = urlOf(options.baseUrl);
  if (!(timeout >= 1 && timeout <= 30_000)) throw invalidConfiguration('timeout must be 1 to 30000.');
  const { allowedOrigins = [], pageOrigins = [] } = options;
  for (const origin of [...allowedOrigins, ...pageOrigins]) {
    if (urlOf(origin).origin !== origin)
      throw invalidConfiguration(`'${origin}' is not an origin. Write 'https://app.example'.`);
  }
  const [, prefix] = USUAL_REFRESH_COOKIE.exec(cookieName) ?? [];
  const usualNonce = prefix === undefined ? `${cookieName}_client_nonce` : `${prefix}client_nonce`;
  return {
    baseUrl,
    authUrl: new URL(authPath, baseUrl).href.replace(/\/$/, ''),
    origins: [baseUrl.origin, ...allowedOrigins],
    headers,
    pageOrigins,
    forwarded: forwardedHeaders(options, headers),
    accessToken: options.accessToken || undefined,
    readOnly: options.readOnly ?? false,
    keepAccessToken: options.keepAccessToken ?? true,
    cookieName,
    clientNonceName: options.clientNonceName ?? usualNonce,
    accessTokenCookieName: options.accessTokenCookieName,
    ledgerAttributes: ledgerAttributes(options, cookieName),
    ledgerName: `${cookieName}_ledger`,
    timeout,
    fetch: options.fetch ?? ((input, init) => fetch(input, init)),
  };
}

/** @throws AuthClientError `invalid_configuration` for attributes with which browsers would refuse the cookie */
function ledgerAttributes({ sameSite = 'strict', partitioned = false }: ServerAuthClientOptions, cookieName: string) {
  const text = { strict: 'Strict', lax: 'Lax', none: 'None' }[sameSite];
  // The auth server allows a name without a prefix only for plain HTTP.
  const isSecure = /^__(Host|Secure)-/.test(cookieName);
  if (text === undefined) throw invalidConfiguration("sameSite must be 'strict', 'lax' or 'none'.");
  if (sameSite === 'none' && !isSecure) {
    throw invalidConfiguration("sameSite: 'none' needs a cookieName that begins with '__Host-' or '__Secure-'.");
  }
  if (partitioned && sameSite !== 'none') throw invalidConfiguration("partitioned needs sameSite: 'none'.");
  return `HttpOnly${isSecure ? '; Secure' : ''}; SameSite=${text}${partitioned ? '; Partitioned' : ''}`;
}

function forwardedHeaders(
  { forward = [], clientAddress }: ServerAuthClientOptions,
  headers: IncomingHeaders,
): Record<string, string> {
  const forwarded: Record<string, string> = clientAddress ? { 'x-forwarded-for': clientAddress } : {};
  for (const name of [...FORWARDED, ...forward.map((name) => name.toLowerCase())]) {
    const value = headerIn(headers, name);
    if (value !== undefined) forwarded[name] = value;
  }
  return forwarded;
}

/** The URL with a slash at its end, so that paths are resolved below it. */
function urlOf(text: string): URL {
  if (!/^https?:/.test(text) || !URL.canParse(text)) {
    throw invalidConfiguration(`'${text}' must be a whole URL: 'https://api.example'.`);
  }
  const url = new URL(text);
  url.pathname = url.pathname.replace(/\/?$/, '/');
  return url;
}
