import { AuthClientError } from './auth-client-error.js';
import type { Dpop } from './dpop-option.js';
import { inBrowser, platform } from './platform.js';

/** What a store keeps of a session, if there is no cookie. It can be written as JSON. It is a secret. */
export interface StoredSession {
  refreshToken: string;
  /** Only for a session that began with `bind: 'nonce'`. */
  clientNonce?: string;
  /** Whether the session is bound to the key of this device. */
  dpop?: boolean;
}

/**
 * Where an application outside a browser keeps the session: for example a key chain, or a file that only its user can
 * read.
 */
export interface SessionStore {
  load(): StoredSession | undefined | null | Promise<StoredSession | undefined | null>;
  save(session: StoredSession): void | Promise<void>;
  clear(): void | Promise<void>;
}

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
  /** Sends the requests. By default it is `fetch` of the platform. */
  fetch?: typeof fetch;
}

export interface ResolvedClientOptions {
  baseUrl: URL;
  authUrl: string;
  origins: string[];
  store: SessionStore | undefined;
  dpop: Dpop | false;
  name: string;
  timeout: number;
  restore: boolean;
  fetch: typeof fetch;
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
  const baseUrl = baseUrlOf(options.baseUrl);
  for (const origin of allowedOrigins) {
    if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
      throw wrong(`allowedOrigins has '${origin}'. Write 'https://api.example'.`);
    }
  }
  if (!store && !inBrowser) {
    throw wrong('store is missing: give { load, save, clear }.');
  }
  if (!(timeout >= 1 && timeout <= 30_000)) throw wrong('timeout must be 1 to 30000.');
  if (dpop && typeof dpop.keyOf !== 'function') {
    throw wrong("dpop must be dpop(): import { dpop } from 'nestjs-refresh-token/client/dpop'.");
  }
  const authUrl = new URL(authPath, baseUrl).href.replace(/\/$/, '');
  return {
    baseUrl,
    authUrl,
    origins: [baseUrl.origin, ...allowedOrigins],
    store,
    dpop,
    name: `nestjs-refresh-token ${authUrl} ${name}`,
    timeout,
    restore,
    fetch: options.fetch ?? ((input, init) => fetch(input, init)),
  };
}

/** The URL with a slash at its end, so that paths are resolved below it. */
function baseUrlOf(text = inBrowser ? '/' : ''): URL {
  const page = platform.location?.href;
  // URLs that are not of the web all share the origin 'null', which identifies nothing.
  if (!URL.canParse(text, page) || new URL(text, page).origin === 'null') {
    throw wrong("baseUrl must be a whole URL: 'https://api.example'.");
  }
  const url = new URL(text, page);
  url.pathname = url.pathname.replace(/\/?$/, '/');
  return url;
}

function wrong(message: string): AuthClientError {
  return new AuthClientError('invalid_configuration', message);
}
