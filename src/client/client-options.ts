import { AuthClientError } from './auth-client-error.js';
import type { KeyStore } from './dpop/key-store.js';
import { inBrowser, platform } from './platform.js';

/** What is kept of a session where there is no cookie. It can be written as JSON. It is a secret. */
export interface StoredSession {
  refreshToken: string;
  /** Of a session that was begun with `bind: 'nonce'`. */
  clientNonce?: string;
}

/** Where an application outside of a browser keeps the session: a key chain, a file that only its user can read. */
export interface SessionStore {
  load(): StoredSession | undefined | null | Promise<StoredSession | undefined | null>;
  save(session: StoredSession): void | Promise<void>;
  clear(): void | Promise<void>;
}

/** The options of {@link createAuthClient}. Times are milliseconds. */
export interface AuthClientOptions {
  /** Where the server is: `'https://api.example'`. In a browser by default the origin of the page. */
  baseUrl?: string;
  /** Where the routes of the module are, below `baseUrl`. `'auth'` */
  authPath?: string;
  /** Origins that get access tokens, beside that of `baseUrl`, exactly as browsers send them. None. */
  allowedOrigins?: string[];
  /** Keeps the refresh token. Required outside of browsers; in a browser the cookie does it, and script never sees the token. */
  store?: SessionStore;
  /** Binds the session to a key that never leaves this device (RFC 9449). `true` keeps it in IndexedDB, where there is one. */
  dpop?: boolean | KeyStore;
  /** Clients of one name and `baseUrl` share a session, and so one refresh, across tabs. `''` */
  name?: string;
  /**
   * How long one attempt at a refresh may take before another starts beside it; 1 to 30,000. Well below the `grace` of the
   * server, so that it still falls into it. `4000`
   */
  timeout?: number;
  /** `false` where it is known that nobody is signed in, as to a server that renders the page: no request then asks. `true` */
  restore?: boolean;
  /** Replaces the platform's. */
  fetch?: typeof fetch;
}

export interface ResolvedClientOptions {
  baseUrl: URL;
  authUrl: string;
  origins: string[];
  store: SessionStore | undefined;
  dpop: boolean | KeyStore;
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

/** With a slash at its end, so that what is resolved against it lies below it. */
function baseUrlOf(text = inBrowser ? '/' : ''): URL {
  const page = platform.location?.href;
  // What is not of the web shares one origin, which says nothing: 'null'.
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
