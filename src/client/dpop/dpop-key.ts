/**
 * The key that a session is bound to (RFC 9449), for `dpop({ keyOf })`. You can write your own, for example for a platform
 * without `crypto.subtle` whose native modules can sign. Every method must settle within seconds.
 *
 * @example
 * const client = createAuthClient({ dpop: dpop({ keyOf: (name): DpopKey => nativeKey(name) }) });
 */
export interface DpopKey {
  /**
   * The client calls it before a login. Only here is a new key made, if the device has none.
   *
   * @returns whether there is a key that the device will keep; if not, the login is sent without a proof
   * @throws AuthClientError if the login must not be sent
   */
  prepare(): Promise<boolean>;
  /**
   * Signs a proof for one request.
   *
   * @returns `undefined` if there is no key: the request is sent without a proof
   * @throws AuthClientError if there is a key but it cannot be used now: the request is not sent
   */
  prove(request: ProvenRequest): Promise<string | undefined>;
  /** The client calls it when it learns whether its session is bound to the key. */
  sessionIs(bound: boolean): void;
  /** The session was replaced, perhaps by a different tab. The next proof uses the key that is kept now. */
  forget(): void;
  /** The session is over: deletes the key. */
  clear(): Promise<void>;
}

/**
 * The request that a proof is for.
 *
 * @example
 * const request: ProvenRequest = { method: 'GET', url: 'https://api.example/orders', clockOffset: 0 };
 */
export interface ProvenRequest {
  readonly method: string;
  /** The whole URL. The proof leaves out its query and fragment. */
  readonly url: string;
  /** Only in requests with an access token. */
  readonly accessToken?: string;
  /** The last nonce of this server (RFC 9449 §8). */
  readonly nonce?: string;
  /** How many milliseconds the server's clock is ahead of this machine's. */
  readonly clockOffset: number;
}
