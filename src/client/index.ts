// `nestjs-refresh-token/client`: the client for browsers, Node.js and other platforms.
export {
  type AuthClient,
  type AuthClientSession,
  type AuthClientUser,
  type Credentials,
  type IssuedTokens,
  type SessionUpdate,
} from './auth-client.js';
export { createAuthClient } from './create-auth-client.js';
export { AuthClientError } from './auth-client-error.js';
export type { AuthClientOptions } from './client-options.js';
export type { Dpop } from './dpop-option.js';
export { keepUserLoaded } from './keep-user-loaded.js';
export type { SessionStore, StoredSession } from './ledger/stored-session.js';
export type { AuthChange, AuthChangeListener, AuthState } from './session-state.js';
export type { IncomingHeaders } from './server/incoming-headers.js';
export type { CookieAttributes, CookieJar, RequestCookieJar } from './server/request-cookies.js';
export { createServerAuthClient, type ServerAuthClient } from './server/server-auth-client.js';
export type { ServerAuthClientOptions } from './server/server-client-options.js';
