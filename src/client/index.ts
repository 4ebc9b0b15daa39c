// `nestjs-refresh-token/client`: the client for browsers, Node.js and other platforms.
export {
  type AuthClient,
  type AuthClientSession,
  type AuthClientUser,
  createAuthClient,
  type Credentials,
} from './auth-client.js';
export { AuthClientError } from './auth-client-error.js';
export { type AxiosLike, interceptAxios } from './axios-interceptor.js';
export type { AuthClientOptions, SessionStore, StoredSession } from './client-options.js';
export type { DeviceKey, KeyStore } from './dpop/key-store.js';
export type { AuthChange, AuthChangeListener } from './session-state.js';
export type { IncomingHeaders } from './server/incoming-headers.js';
export type { CookieAttributes, CookieJar, RequestCookieJar } from './server/request-cookies.js';
export { createServerAuthClient, type ServerAuthClient } from './server/server-auth-client.js';
export type { ServerAuthClientOptions } from './server/server-client-options.js';
