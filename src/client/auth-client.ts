import type { AuthClientError } from './auth-client-error.js';
import type { AuthAnswer } from './auth-answer.js';
import type { AuthChangeListener, AuthState } from './session-state.js';

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
  /** The administrator who acts as the user, if one does. */
  readonly actor?: { readonly id: string };
  /** The claims that the server's user provider returned, if any. Type them by `createAuthClient<MyUser>()`. */
  readonly claims?: Readonly<Record<string, unknown>>;
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
  /** Absent without tags. */
  readonly tags?: readonly string[];
  /** Absent without metadata. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** The administrator who acts as the user. Absent in the user's own sessions. */
  readonly actor?: { readonly id: string; readonly name?: string };
  readonly userAgent: string | null;
  readonly ip: string | null;
  readonly country: string | null;
  readonly createdAt: string;
  readonly lastUsedAt: string;
  readonly expiresAt: string;
}

/**
 * What the user can change of a session. What you leave out stays; `null` removes it. The names are those of the server.
 *
 * @example
 * await client.sessions.update(id, { device_name: 'Kitchen tablet' });
 */
export interface SessionUpdate {
  /** At most 255 characters. */
  device_name?: string | null;
  /** At most 16 texts of 1 to 64 characters. */
  tags?: readonly string[] | null;
  /** Texts by name, at most 2048 characters as JSON. */
  metadata?: Readonly<Record<string, string>> | null;
}

/**
 * The body of a login request: a name and a password, or what else your server takes. All fields go to the server
 * unchanged.
 *
 * @example
 * const credentials: Credentials = { username: 'ada', password, device_name: 'Laptop' };
 */
export interface Credentials {
  username?: string;
  password?: string;
  client_id?: string;
  device_name?: string;
  scope?: string;
  /** The second step: the ticket of the error `mfa_required`, next to the second factor. */
  mfa_ticket?: unknown;
  /** Binds the session to a second secret (`nonce`) or to the TLS client certificate (`tls`). */
  bind?: 'nonce' | 'tls';
  [field: string]: unknown;
}

/**
 * The response of a route that begins a session: what your own route answers if it calls the library to issue tokens
 * (RFC 6749 §5.1).
 *
 * @example
 * const tokens = (await (await fetch('/magic-link', { method: 'POST', body })).json()) as IssuedTokens;
 * await client.adopt(tokens);
 */
export type IssuedTokens = AuthAnswer;

/**
 * A session that renews itself. Your code needs no token, except for {@link AuthClient.getAccessToken}.
 *
 * `User` adds the fields that your server adds to `GET /auth/me`.
 *
 * @example
 * const client: AuthClient = createAuthClient();
 * await client.login({ username, password });
 * const response = await client.fetch('/orders');
 */
export interface AuthClient<User = unknown> {
  /**
   * Signs the user in, in all tabs. If the user has a second factor, it rejects with `mfa_required`. Call it again then, with
   * the ticket in `details` of the error and the second factor.
   *
   * @throws AuthClientError `invalid_credentials`, `mfa_required`, `session_limit`, `temporarily_unavailable` or a different
   *   code of the server
   * @example
   * await client.login({ username, password });
   *
   * @example
   * await client.login({ mfa_ticket: error.details.mfa_ticket, otp });
   */
  login(credentials: Credentials): Promise<void>;
  /**
   * Goes on with a session that this client has not begun: for example after a social login, a magic link or a second
   * factor. Without `tokens`, the session is in the cookie, or in the store.
   *
   * @param tokens the response of your route, if the refresh token is in its body
   * @returns whether there is a session
   * @throws AuthClientError `invalid_response` if `tokens` has no tokens; `temporarily_unavailable`
   * @example
   * const isSignedIn = await client.adopt();
   */
  adopt(tokens?: IssuedTokens): Promise<boolean>;
  /**
   * Authenticates the user again, if the server requires it (`step_up_required`): with the password, or with the fields
   * that your server takes.
   *
   * @throws AuthClientError `invalid_credentials` or a different code of the server
   * @example
   * await client.stepUp({ password });
   */
  stepUp(credentials: { password?: string; [field: string]: unknown }): Promise<void>;
  /**
   * Signs the user out. It takes effect at once in all tabs.
   *
   * @param options.everywhere first ends the sessions on all devices
   * @throws AuthClientError `temporarily_unavailable` if the server could not be reached. In a browser, the client
   *   tries again later. `insufficient_user_authentication` if `everywhere` needs a step-up first: then nobody is signed
   *   out.
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
   * Resolves with the signed-in user; with `null` if nobody is signed in. The client asks the server again after each
   * refresh, because permissions may have changed. In between it answers from memory.
   *
   * @throws AuthClientError `temporarily_unavailable` or `step_up_required`
   * @example
   * const user = await client.user();
   */
  user(): Promise<(AuthClientUser & User) | null>;
  /**
   * What is known at this moment, without waiting. The same object until something changes.
   *
   * @example
   * const { status, user, isRefreshing, error } = client.state;
   */
  readonly state: AuthState<AuthClientUser & User>;
  /**
   * Calls the listener after each change of `state`, for example for React's `useSyncExternalStore`. While somebody
   * listens, the client asks for the user again after each refresh, if they were known.
   *
   * @returns a function that ends the subscription
   * @example
   * const unsubscribe = client.subscribe(() => render(client.state));
   */
  subscribe(listener: () => void): () => void;
  /**
   * The access token, for a library that cannot use `client.fetch`: a WebSocket, a native SDK. It is renewed first if it
   * has expired. Ask again for each connection.
   *
   * What you give up: your code, and every library that you give the token to, can now leak it. And nobody repeats a
   * request that was refused.
   *
   * @returns `null` if nobody is signed in
   * @throws AuthClientError `temporarily_unavailable` or `step_up_required`
   * @example
   * const socket = io({ auth: async (send) => send({ token: await client.getAccessToken() }) });
   */
  getAccessToken(): Promise<string | null>;
  /**
   * Signs a DPoP proof for a request that you send yourself (RFC 9449), for example to open a socket. It is good once.
   * If nobody is signed in, it has no `ath`: it is for a login that you send yourself.
   *
   * @param url relative to `baseUrl`. Its query and fragment are left out.
   * @returns `undefined` if the session is not bound to a key
   * @throws AuthClientError `temporarily_unavailable`, `key_missing` or `step_up_required`
   * @example
   * const proof = await client.getProof('/orders', 'GET');
   */
  getProof(url: string, method: string): Promise<string | undefined>;
  /**
   * Subscribes to changes of the session. Past changes are not reported.
   *
   * @returns a function that ends the subscription
   * @example
   * const unsubscribe = client.onChange(({ signedIn }) => render(signedIn));
   */
  onChange(listener: AuthChangeListener): () => void;
  /**
   * Subscribes to renewals that fail. The session goes on; the client tries again by itself.
   *
   * @returns a function that ends the subscription
   * @example
   * const unsubscribe = client.onRefreshFailed(({ code, retryAfter }) => console.warn(code, retryAfter));
   */
  onRefreshFailed(listener: (error: AuthClientError) => void): () => void;
  /**
   * Renews the access token now, even if the server has asked the client to wait. Does nothing if nobody is signed in.
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
     * Changes the name, the tags or the metadata of one session.
     *
     * @throws AuthClientError `not_found` if the user has no such session; `invalid_request`
     */
    update(id: string, changes: SessionUpdate): Promise<void>;
    /**
     * Ends one session. If it is this client's own, the user is signed out.
     *
     * @throws AuthClientError `not_found` if the user has no such session
     */
    end(id: string): Promise<void>;
    /** Ends all sessions except this one. */
    endOthers(): Promise<void>;
  };
  /**
   * Stops the timers while the application is in the background, and wakes up again. Browsers need no call: they say
   * whether the page is visible.
   *
   * @example
   * AppState.addEventListener('change', (state) => client.setActive(state === 'active'));
   */
  setActive(active: boolean): void;
  /** Stops timers and listeners. The session stays alive. */
  close(): void;
}
