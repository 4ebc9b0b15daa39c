import { createContext, createElement, type ReactNode } from 'react';
import type { AuthClient } from '../auth-client.js';

/** The client of the nearest `AuthProvider`. */
export const ClientContext = createContext<AuthClient | undefined>(undefined);

/**
 * The props of {@link AuthProvider}.
 *
 * @example
 * const props: AuthProviderProps = { client, children: createElement(App) };
 */
export interface AuthProviderProps {
  /** Create it once, in a module and not in a component. */
  client: AuthClient;
  children?: ReactNode;
}

/**
 * Gives a client to the components below it. The provider never closes the client, so the session outlives it.
 *
 * @example
 * createRoot(element).render(
 *   <AuthProvider client={client}>
 *     <App />
 *   </AuthProvider>,
 * );
 */
export function AuthProvider({ client, children }: AuthProviderProps): ReactNode {
  return createElement(ClientContext.Provider, { value: client }, children);
}
