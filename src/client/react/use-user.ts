import type { AuthClient, AuthClientUser } from '../auth-client.js';
import { useClient, useClientState } from './use-client-state.js';

/**
 * The signed-in user. It is `null` while nobody is signed in, and until the user has been loaded: `useAuth().status`
 * tells them apart. It is loaded again after each refresh, because permissions may have changed.
 *
 * @param client a client to use instead of the one of the nearest `AuthProvider`. The type of its user is inferred.
 * @throws AuthClientError `invalid_configuration` if there is neither a provider nor a client
 * @example
 * const user = useUser();
 * return <p>{user ? `Signed in as ${user.id}` : 'Nobody is signed in.'}</p>;
 */
export function useUser<User = unknown>(client?: AuthClient<User>): (AuthClientUser & User) | null {
  return useClientState(useClient(client)).user;
}
