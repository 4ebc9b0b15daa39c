import { useCallback, useContext, useSyncExternalStore } from 'react';
import type { AuthClient, AuthClientUser } from '../auth-client.js';
import { invalidConfiguration } from '../client-errors.js';
import type { AuthState } from '../session-state.js';
import { ClientContext } from './auth-provider.js';
import { keepUserLoaded } from '../keep-user-loaded.js';

/** A server renders for many visitors, and knows none of them. The first render in the browser must be the same. */
const ON_A_SERVER: AuthState<never> = Object.freeze({
  status: 'unknown',
  user: null,
  isRefreshing: false,
  error: null,
});

export function useClient<User>(given: AuthClient<User> | undefined): AuthClient<User> {
  const provided = useContext(ClientContext) as AuthClient<User> | undefined;
  const client = given ?? provided;
  if (client) return client;
  throw invalidConfiguration('There is no client here. Render <AuthProvider client={client}> around this component.');
}

/**
 * Each hook reads the client itself, and not a context: a part of a page that hydrates late still begins with what the
 * server rendered.
 */
export function useClientState<User>(client: AuthClient<User>): AuthState<AuthClientUser & User> {
  const subscribe = useCallback(
    (listener: () => void) => {
      const unsubscribe = client.subscribe(listener);
      const stopLoading = keepUserLoaded(client);
      return () => {
        stopLoading();
        unsubscribe();
      };
    },
    [client],
  );
  return useSyncExternalStore(
    subscribe,
    () => client.state,
    () => ON_A_SERVER,
  );
}
