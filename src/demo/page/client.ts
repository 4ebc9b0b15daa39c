// Browsers cannot import by package name. `PageController` serves the client's modules at this address. The client for
// servers is left out.
export type { AuthClient, AuthClientSession, AuthClientUser } from '../../client/auth-client.js';
export { AuthClientError } from '../../client/auth-client-error.js';
export { createAuthClient } from '../../client/create-auth-client.js';
export type { AuthChange } from '../../client/session-state.js';
