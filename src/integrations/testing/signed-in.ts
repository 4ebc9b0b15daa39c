import type { IssuedTokens } from '../../auth/session/issued-tokens.js';
import type { SupertestAgent } from './load-supertest.js';

/**
 * A client that is signed in to an application under test. `signedIn` makes it.
 *
 * @example
 * const alice = await signedIn(app, 'alice');
 * await alice.agent.get('/orders').expect(200);
 * await alice.refresh();
 */
export interface SignedIn {
  /** The tokens of the sign-in, or of the last `refresh()`. */
  readonly tokens: IssuedTokens;
  /** The access token of `tokens`. */
  readonly accessToken: string;
  /** The live refresh token. With `transport: 'cookie'` it follows the cookies of `agent` and `fetch`. */
  readonly refreshToken: string;
  /** The id of the session. */
  readonly sessionId: string;
  /** The value of the header `Cookie`; `undefined` if there are no cookies. */
  readonly cookie: string | undefined;
  /**
   * The headers of a request to a guarded route: `{ authorization: 'Bearer …' }`. With `binding.nonceAtResources` the cookie
   * is there too.
   *
   * @throws TypeError if the session is bound to a key, because each request needs a proof of its own
   */
  readonly headers: Record<string, string>;
  /**
   * A supertest agent. It sends the access token with each request, and keeps the cookies, also the `Secure` ones. So
   * `agent.post('/auth/refresh')` works with `transport: 'cookie'`. It needs the package `supertest`.
   *
   * @throws TypeError if `supertest` is not installed, or if the application has no HTTP server
   */
  readonly agent: SupertestAgent;
  /**
   * The headers of one request, with its proof if the session is bound to a key.
   *
   * @param url with scheme and host
   */
  headersFor(method: string, url: string): Record<string, string>;
  /**
   * Calls `fetch` with a path of the application. It sends what `agent` sends. The application must listen:
   * `await app.listen(0)`.
   *
   * @throws TypeError if the application does not listen, or if the URL belongs to another server
   * @example
   * const response = await alice.fetch('/orders', { method: 'POST', body: JSON.stringify(order) });
   */
  fetch(this: void, path: string | URL, init?: RequestInit): Promise<Response>;
  /**
   * Refreshes the session as a client does. Afterwards `headers`, `agent` and `fetch` send the new access token.
   *
   * @throws AuthError for the same reasons as `RefreshTokenService.refresh`
   */
  refresh(): Promise<IssuedTokens>;
  /** Ends the session. The access token is refused from now on. */
  signOut(): Promise<void>;
}
