import { useMemo } from 'react';
import type { AuthClient, AuthClientUser } from '../auth-client.js';
import type { AuthState } from '../session-state.js';
import { useClient, useClientState } from './use-client-state.js';

/**
 * What {@link useAuth} returns: the state of the client, and its methods. The methods stay the same while the state
 * changes, and they can be taken out of the object.
 *
 * @example
 * const { status, login }: Auth = useAuth();
 */
export interface Auth<User = unknown>
  extends
    AuthState<AuthClientUser & User>,
    Pick<AuthClient<User>, 'login' | 'adopt' | 'stepUp' | 'logout' | 'refresh' | 'fetch' | 'sessions'> {
  /** The client itself, for everything else. */
  readonly client: AuthClient<User>;
}

/**
 * The session, for a component. The component renders again after each change, here or in another tab. While it is
 * mounted, the user is kept loaded.
 *
 * On a server, and during the first render of a page from there, `status` is `unknown`.
 *
 * @param client a client to use instead of the one of the nearest `AuthProvider`. The type of its user is inferred.
 * @throws AuthClientError `invalid_configuration` if there is neither a provider nor a client
 * @example
 * const { status, user, logout } = useAuth();
 * if (status === 'unknown') return <p>One moment…</p>;
 * if (status === 'signed_out') return <SignInForm />;
 * return <button onClick={() => logout()}>Sign out {user?.id}</button>;
 */
export function useAuth<User = unknown>(client?: AuthClient<User>): Auth<User> {
  const used = useClient(client);
  const state = useClientState(used);
  return useMemo(() => {
    const { login, adopt, stepUp, logout, refresh, fetch, sessions } = used;
    return { ...state, client: used, login, adopt, stepUp, logout, refresh, fetch, sessions };
  }, [used, state]);
}
