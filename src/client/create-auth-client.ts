import type { AuthClient, AuthClientUser } from './auth-client.js';
import type { AuthClientError } from './auth-client-error.js';
import { answered, refusal } from './auth-routes.js';
import { authorizedFetch } from './authorized-fetch.js';
import { type AuthClientOptions, type ResolvedClientOptions, resolveClientOptions } from './client-options.js';
import { type Healing, healingBy } from './healing.js';
import { jsonIn } from './responses.js';
import { type SessionKeeper, sessionKeeper } from './session-keeper.js';
import type { AuthState } from './session-state.js';
import { stayFresh } from './wake.js';

/** The internals of a client, for the other entries of the package. */
export const innerOf = new WeakMap<AuthClient, [SessionKeeper, Healing, ResolvedClientOptions]>();

/**
 * Creates a client of `nestjs-refresh-token`, for a browser or any other JavaScript runtime.
 *
 * On a server that renders pages, it does nothing: its `state` is `unknown`, and its methods reject. There, use
 * {@link createServerAuthClient}.
 *
 * @throws AuthClientError `invalid_configuration` for an option that is not valid; the message says what to write
 * @example
 * const client = createAuthClient();
 * await client.login({ username, password });
 * const orders = await client.fetch('/orders');
 *
 * @example
 * const client = createAuthClient<{ email: string }>({ baseUrl: 'https://api.example', store: { load, save, clear } });
 */
export function createAuthClient<User = unknown>(options: AuthClientOptions = {}): AuthClient<User> {
  const resolved = resolveClientOptions(options);
  const keeper = sessionKeeper(resolved);
  const { state } = keeper;
  const awake = stayFresh(keeper);
  const healing = healingBy(keeper);
  const fetch = authorizedFetch(keeper, healing, resolved);
  type Me = AuthClientUser & User;

  const ask = async <T>(path: string, method = 'GET', body?: object): Promise<T> => {
    const content = body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const response = await answered(fetch(`${resolved.authUrl}/${path}`, { method, ...content }));
    const answer = await jsonIn<object>(response);
    if (!response.ok || (!answer && response.status !== 204)) throw refusal(response, answer);
    return camelCased<T>(answer ?? {});
  };

  let known: { token: unknown; user: Promise<Me> } | undefined;

  const client: AuthClient<User> = {
    login: keeper.signIn,
    adopt: keeper.adopt,
    stepUp: keeper.stepUp,
    async logout({ everywhere } = {}) {
      const { sessionId } = state;
      // Nobody signs out a user who signed in meanwhile.
      const signOut = async () => {
        if (state.sessionId === sessionId) await keeper.signOut();
      };
      try {
        if (everywhere) await ask('logout-all', 'POST');
      } catch (error) {
        // The other sessions would live on, although the user believes that they have ended.
        if ((error as AuthClientError).code !== 'insufficient_user_authentication') await signOut();
        throw error;
      }
      await signOut();
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
      state.show({ user });
      return user;
    },
    get state() {
      return state.shown as AuthState<Me>;
    },
    subscribe: (listener) => added(state.subscribers, () => listener()),
    onChange: (listener) => added(state.listeners, (change) => listener(change)),
    onRefreshFailed: (listener) => added(state.failureListeners, (error) => listener(error)),
    getAccessToken: async () => (await keeper.current())?.value ?? null,
    getProof: async (url, method) => keeper.proofs?.getProof(url, method, await keeper.current()),
    refresh: keeper.renewNow,
    sessions: {
      list: () => ask('sessions'),
      update: (id, changes) => ask(`sessions/${encodeURIComponent(id)}`, 'PATCH', changes),
      async end(id) {
        await ask(`sessions/${encodeURIComponent(id)}`, 'DELETE');
        if (id === state.token?.sessionId) await keeper.signOut().catch(() => undefined);
      },
      endOthers: () => ask('logout-all', 'POST', { except_current: true }),
    },
    setActive: awake.setActive,
    close() {
      awake.stop();
      keeper.close();
    },
  };
  // A user on the screen has the permissions of their newest token.
  state.listeners.add(({ type }) => {
    if (type === 'refreshed' && state.shown.user && state.subscribers.size) client.user().catch(() => undefined);
  });
  innerOf.set(client, [keeper, healing, resolved]);
  return client;
}

/** Adds a listener, and returns the function that removes it. A listener that is given twice is called twice. */
function added<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
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
