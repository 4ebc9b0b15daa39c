import { answered, refusal } from './auth-routes.js';
import { authorizedFetch } from './authorized-fetch.js';
import { type AuthClientOptions, type ResolvedClientOptions, resolveClientOptions } from './client-options.js';
import { jsonIn } from './proven-fetch.js';
import { SessionKeeper } from './session-keeper.js';
import type { AuthState, ObservableState } from './auth-state.js';
import type { AuthChangeListener } from './session-state.js';
import { stayFresh } from './wake.js';

/**
 * The signed-in user, as the access token describes them.
 *
 * @example
 * const user: AuthClientUser | null = await client.user();
 */
export interface AuthClientUser {
  readonly id: string;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
  readonly sessionId: string;
}

/**
 * A session of the signed-in user. Times are ISO 8601 in UTC.
 *
 * @example
 * const [latest]: AuthClientSession[] = await client.sessions.list();
 */
export interface AuthClientSession {
  readonly id: string;
  /** Whether it is the session of this client. */
  readonly current: boolean;
  readonly clientId: string;
  readonly deviceName: string | null;
  readonly userAgent: string | null;
  readonly ip: string | null;
  readonly country: string | null;
  readonly createdAt: string;
  readonly lastUsedAt: string;
  readonly expiresAt: string;
}

/**
 * The body of a login request. Further fields go to the server unchanged.
 *
 * @example
 * const credentials: Credentials = { username: 'ada', password, device_name: 'Laptop' };
 */
export interface Credentials {
  username: string;
  password: string;
  client_id?: string;
  device_name?: string;
  scope?: string;
  /** Binds the session to a second secret (`nonce`) or to the TLS client certificate (`tls`). */
  bind?: 'nonce' | 'tls';
  [field: string]: unknown;
}

/**
 * A session that renews itself. The client never exposes a token.
 *
 * @example
 * const client: AuthClient = createAuthClient();
 * await client.login({ username, password });
 * const response = await client.fetch('/orders');
 */
export interface AuthClient<User = AuthClientUser> {
  /**
   * Signs the user in, in all tabs.
   *
   * @throws AuthClientError `invalid_credentials`, `session_limit`, `temporarily_unavailable` or a different code of
   *   the server
   * @example
   * await client.login({ username, password });
   */
  login(credentials: Credentials): Promise<void>;
  /**
   * Authenticates the user again, if the server requires it (`step_up_required`).
   *
   * @throws AuthClientError `invalid_credentials` or a different code of the server
   * @example
   * await client.stepUp({ password });
   */
  stepUp(credentials: { password: string; [field: string]: unknown }): Promise<void>;
  /**
   * Signs the user out. It takes effect at once in all tabs.
   *
   * @param options.everywhere first ends the sessions on all devices
   * @throws AuthClientError `temporarily_unavailable` if the server could not be reached. In a browser, the client
   *   tries again later.
   * @example
   * await client.logout({ everywhere: true });
   */
  logout(options?: { everywhere?: boolean }): Promise<void>;
  /**
   * The platform's `fetch`, with the access token for `baseUrl` and the allowed origins. Relative URLs are resolved
   * against `baseUrl`. If a request is refused because its token has expired or permissions have changed, it is
   * repeated once with a new token. A request with a stream as its body cannot be repeated: you get the 401.
   *
   * @throws AuthClientError `temporarily_unavailable` if a new token is needed and cannot be fetched;
   *   `step_up_required`
   * @example
   * const response = await client.fetch('/orders');
   */
  fetch: typeof fetch;
  /**
   * Returns the signed-in user; `null` if nobody is signed in. The client asks the server again after each refresh,
   * because permissions may have changed.
   *
   * @throws AuthClientError `temporarily_unavailable` or `step_up_required`
   * @example
   * const user = await client.user();
   */
  user(): Promise<User | null>;
  /** What is known at this moment: the same object until something changes. */
  readonly state: AuthState<User>;
  /**
   * Calls the listener after each change of `state`.
   *
   * @returns a function that ends the subscription
   * @example
   * const unsubscribe = client.subscribe(() => render(client.state));
   */
  subscribe(listener: () => void): () => void;
  /**
   * Subscribes to changes of the session. Past changes are not reported.
   *
   * @returns a function that ends the subscription
   * @example
   * const unsubscribe = client.onChange(({ signedIn }) => render(signedIn));
   */
  onChange(listener: AuthChangeListener): () => void;
  /**
   * Renews the access token now. Does nothing if nobody is signed in.
   *
   * @throws AuthClientError `temporarily_unavailable` or `step_up_required`
   * @example
   * await client.refresh();
   */
  refresh(): Promise<void>;
  /**
   * The sessions of the signed-in user on all devices. Each method can throw an AuthClientError with the server's code.
   */
  readonly sessions: {
    /** Lists the live sessions, the last used first. */
    list(): Promise<AuthClientSession[]>;
    /**
     * Ends one session. If it is this client's own, the user is signed out.
     *
     * @throws AuthClientError `not_found` if the user has no such session
     */
    end(id: string): Promise<void>;
    /** Ends all sessions except this one. */
    endOthers(): Promise<void>;
  };
  /** Stops timers and listeners. The session stays alive. */
  close(): void;
}

/** The internals of a client, for the axios interceptor only. */
export const innerOf = new WeakMap<object, [SessionKeeper, ResolvedClientOptions]>();

/**
 * Creates a client of `nestjs-refresh-token`, for a browser or any other JavaScript runtime.
 *
 * @throws AuthClientError `invalid_configuration` for an option that is not valid; the message says what to write
 * @example
 * const client = createAuthClient();
 * await client.login({ username, password });
 * const orders = await client.fetch('/orders');
 *
 * @example
 * const client = createAuthClient({ baseUrl: 'https://api.example', store: { load, save, clear } });
 *
 * @throws AuthClientError `invalid_configuration`
 */
export function createAuthClient<User = AuthClientUser>(options: AuthClientOptions = {}): AuthClient<User> {
  const resolved = resolveClientOptions(options);
  const keeper = new SessionKeeper(resolved);
  const { state } = keeper;
  const awake = stayFresh(keeper);
  const fetch = authorizedFetch(keeper, resolved);

  const ask = async <T>(
    path: string,
    init?: { method: string; body?: string; headers?: Record<string, string> },
  ): Promise<T> => {
    const response = await answered(fetch(`${resolved.authUrl}/${path}`, init));
    const body = await jsonIn<object>(response);
    if (!response.ok || (!body && response.status !== 204)) throw refusal(response, body);
    return camelCased<T>(body ?? {});
  };

  let known: { token: unknown; user: Promise<User> } | undefined;
  const observable = state.observable as ObservableState<User>;

  const client: AuthClient<User> = {
    get state() {
      return observable.current;
    },
    subscribe: (listener) => observable.subscribe(listener),
    login: (credentials) => keeper.signIn(credentials),
    stepUp: (credentials) => keeper.stepUp(credentials),
    async logout({ everywhere } = {}) {
      try {
        if (everywhere) await ask('logout-all', { method: 'POST' });
      } finally {
        await keeper.signOut();
      }
    },
    fetch,
    async user() {
      const token = await keeper.current();
      if (!token) return null;
      if (known?.token !== token) known = { token, user: ask('me') };
      const user = await known.user.catch((error) => {
        if (state.token !== token) return;
        known = undefined;
        throw error;
      });
      // The session or its token may have changed since the request.
      if (!user || state.token !== token) return client.user();
      observable.change({ user });
      return user;
    },
    onChange(listener) {
      const own: AuthChangeListener = (change) => listener(change);
      state.listeners.add(own);
      return () => void state.listeners.delete(own);
    },
    async refresh() {
      if (state.token !== null) await keeper.renew(state.token);
    },
    sessions: {
      list: () => ask('sessions'),
      async end(id) {
        await ask(`sessions/${encodeURIComponent(id)}`, { method: 'DELETE' });
        if (id === state.token?.sessionId) await keeper.signOut().catch(() => undefined);
      },
      async endOthers() {
        const headers = { 'content-type': 'application/json' };
        await ask('logout-all', { method: 'POST', headers, body: '{"except_current":true}' });
      },
    },
    close() {
      awake();
      keeper.close();
    },
  };
  innerOf.set(client, [keeper, resolved]);
  return client;
}

/** Turns the server's snake_case names into camelCase. */
function camelCased<T>(body: unknown): T {
  if (Array.isArray(body)) return body.map(camelCased) as T;
  const fields = Object.entries(body as object).map(([name, value]) => [
    name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
    value as unknown,
  ]);
  return Object.fromEntries(fields) as T;
}
