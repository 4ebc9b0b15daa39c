import { answered, refusal } from './auth-routes.js';
import { authorizedFetch } from './authorized-fetch.js';
import { type AuthClientOptions, type ResolvedClientOptions, resolveClientOptions } from './client-options.js';
import { jsonIn } from './proven-fetch.js';
import { SessionKeeper } from './session-keeper.js';
import type { AuthChangeListener } from './session-state.js';
import { stayFresh } from './wake.js';

/** Who is signed in, as the access token has it. */
export interface AuthClientUser {
  readonly id: string;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
  readonly sessionId: string;
}

/** Where the user is signed in. Times are ISO 8601 in UTC. */
export interface AuthClientSession {
  readonly id: string;
  /** Whether it is this one. */
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

/** What a login sends; fields beside these go to the server as they are. */
export interface Credentials {
  username: string;
  password: string;
  client_id?: string;
  device_name?: string;
  scope?: string;
  /** Binds the session to a second secret beside the refresh token, or to the TLS client certificate. */
  bind?: 'nonce' | 'tls';
  [field: string]: unknown;
}

/** A session that keeps itself alive. Nothing here shows a token. */
export interface AuthClient {
  /** @throws AuthClientError `invalid_credentials`, `session_limit`, `temporarily_unavailable` and others of the server */
  login(credentials: Credentials): Promise<void>;
  /**
   * Authenticates again, where the server wants that before it goes on (`step_up_required`).
   *
   * @throws AuthClientError `invalid_credentials` and others of the server
   */
  stepUp(credentials: { password: string; [field: string]: unknown }): Promise<void>;
  /**
   * Takes effect at once, in all tabs.
   *
   * @param options.everywhere ends the sessions on all devices, before it signs out here
   * @throws AuthClientError `temporarily_unavailable` where the server could not be told. In a browser it will be, later.
   */
  logout(options?: { everywhere?: boolean }): Promise<void>;
  /**
   * The platform's `fetch`, with the access token for `baseUrl` and the allowed origins. Relative URLs are resolved against
   * `baseUrl`. A request that is refused because its token has expired, or its permissions have changed, is repeated once
   * with a new one; where its body is a stream it cannot be, and the 401 is what you get.
   *
   * @throws AuthClientError `temporarily_unavailable` where a new token is needed and cannot be had; `step_up_required`
   */
  fetch: typeof fetch;
  /**
   * `null` where nobody is signed in. Asked from the server after each refresh, as permissions may have changed.
   *
   * @throws AuthClientError `temporarily_unavailable`, `step_up_required`
   */
  user(): Promise<AuthClientUser | null>;
  /** Returns the function that ends the subscription. Not called for what has been before. */
  onChange(listener: AuthChangeListener): () => void;
  /** Renews the access token now; nothing happens where nobody is signed in. */
  refresh(): Promise<void>;
  readonly sessions: {
    list(): Promise<AuthClientSession[]>;
    /** @throws AuthClientError `not_found` */
    end(id: string): Promise<void>;
    endOthers(): Promise<void>;
  };
  /** Ends timers and listeners; the session lives on. */
  close(): void;
}

/** What the axios interceptor needs of a client, and nobody else gets. */
export const innerOf = new WeakMap<AuthClient, [SessionKeeper, ResolvedClientOptions]>();

/**
 * A client of `nestjs-refresh-token`, in a browser or anywhere else.
 *
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
export function createAuthClient(options: AuthClientOptions = {}): AuthClient {
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

  let known: { token: unknown; user: Promise<AuthClientUser> } | undefined;

  const client: AuthClient = {
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
      // Somebody may have signed in or out meanwhile, or the token was renewed.
      return user && state.token === token ? user : client.user();
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

/** The names of the wire in the spelling of the language. */
function camelCased<T>(body: unknown): T {
  if (Array.isArray(body)) return body.map(camelCased) as T;
  const fields = Object.entries(body as object).map(([name, value]) => [
    name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
    value as unknown,
  ]);
  return Object.fromEntries(fields) as T;
}
