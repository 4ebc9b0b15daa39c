import type { AuthClientError } from './auth-client-error.js';
import { invalidConfiguration } from './client-errors.js';
import type { Dpop } from './dpop-option.js';
import type { SessionStore } from './ledger/stored-session.js';
import { inBrowser, platform } from './platform.js';
import { absoluteUrl, originOf } from './url.js';

/** The options of {@link createAuthClient}. Times are milliseconds. */
export interface AuthClientOptions {
  /**
   * The URL of the server: for example `'https://api.example'`. In a browser it is by default the origin of the page.
   */
  baseUrl?: string;
  /**
   * The path of the auth routes, below `baseUrl`.
   *
   * @default 'auth'
   */
  authPath?: string;
  /**
   * Other origins that get access tokens, in addition to that of `baseUrl`. Write them as browsers send them.
   *
   * @default []
   */
  allowedOrigins?: string[];
  /**
   * Keeps the refresh token. It is required outside browsers. In a browser the cookie keeps the token, and scripts
   * never see it.
   */
  store?: SessionStore;
  /**
   * Binds the session to a key that never leaves this device (RFC 9449): `dpop()` of `nestjs-refresh-token/client/dpop`.
   *
   * @default false
   */
  dpop?: Dpop | false;
  /**
   * Clients with the same name and `baseUrl` share a session across tabs, and refresh it once.
   *
   * @default ''
   */
  name?: string;
  /**
   * How long an attempt at a refresh may take, in milliseconds, before the next one starts. From 1 to 30,000. Keep it
   * below half of the server's `refreshToken.grace`.
   *
   * @default 4000
   */
  timeout?: number;
  /**
   * Whether the client asks the server for a session at its start. Set it to `false` if you know that nobody is signed
   * in, for example from a page that your server rendered.
   *
   * @default true
   */
  restore?: boolean;
  /**
   * Whether the client tells the server which requests have brought its refresh token (`received_with`). The server then
   * ends a session that a thief shares. By default `true` with a `store`, and `false` with the cookie. With the cookie,
   * set it to `true` only if all of this holds, or users are signed out for nothing:
   *
   * - Only this client refreshes with the cookie. No server that renders pages does it by itself.
   * - The browser never clears the storage of the page without its cookies, or the other way round.
   */
  claims?: boolean;
  /** Sends the requests. By default it is `fetch` of the platform. */
  fetch?: typeof fetch;
}

export interface ResolvedClientOptions {
  baseUrl: string;
  authUrl: string;
  origins: string[];
  store: SessionStore | undefined;
  dpop: Dpop | false;
  name: string;
  timeout: number;
  restore: boolean;
  claims: boolean;
  fetch: typeof fetch;
  /** Why the client cannot do anything. */
  refused?: AuthClientError;
}

/** @throws AuthClientError `invalid_configuration` */
export function resolveClientOptions(options: AuthClientOptions): ResolvedClientOptions {
  const {
    authPath = 'auth',
    allowedOrigins = [],
    store,
    dpop = false,
    name = '',
    timeout = 4000,
    restore = true,
  } = options;
  if (!store && !inBrowser) return optionsOfServer();
  const baseUrl = baseUrlOf(options.baseUrl);
  for (const origin of allowedOrigins) {
    if (originOf(origin) !== origin || absoluteUrl(origin).replace(/\/$/, '') !== origin)
      throw invalidConfiguration(`allowedOrigins has '${origin}'. Write 'https://api.example'.`);
  }
  if (!(timeout >= 1 && timeout <= 30_000)) throw invalidConfiguration('timeout must be 1 to 30000.');
  if (dpop && typeof dpop.proofsOf !== 'function') {
    throw invalidConfiguration("dpop must be dpop(): import { dpop } from 'nestjs-refresh-token/client/dpop'.");
  }
  const authUrl = absoluteUrl(authPath, baseUrl).replace(/\/$/, '');
  return {
    baseUrl,
    authUrl,
    origins: [originOf(baseUrl), ...allowedOrigins],
    store,
    dpop,
    name: `nestjs-refresh-token ${authUrl} ${name}`,
    timeout,
    restore,
    claims: options.claims ?? !!store,
    fetch: options.fetch ?? ((input, init) => fetch(input, init)),
  };
}

/**
 * A module that creates a client may be imported by a server that renders. There, everything but `state` fails, with the
 * reason.
 */
function optionsOfServer(): ResolvedClientOptions {
  const refused = invalidConfiguration('store is missing. To render pages on a server, use createServerAuthClient.');
  const refuse = () => Promise.reject(refused);
  const store = { load: refuse, save: refuse, clear: refuse };
  return { ...resolveClientOptions({ baseUrl: 'http://nowhere.invalid', store, fetch: refuse }), refused };
}

/** The URL with a slash at its end, so that paths are resolved below it. */
function baseUrlOf(text = inBrowser ? '/' : ''): string {
  let url = '';
  try {
    url = absoluteUrl(text, platform.location?.href).replace(/[?#].*/, '');
  } catch {
    // Refused below.
  }
  // URLs that are not of the web have no origin.
  if (!originOf(url)) throw invalidConfiguration("baseUrl must be a whole URL: 'https://api.example'.");
  return url.replace(/\/?$/, '/');
}
