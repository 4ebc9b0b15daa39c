import type { AccessToken } from './access-token.js';
import type { HeadersLike } from './responses.js';

/**
 * The value of the option `dpop`: `dpop()` of `nestjs-refresh-token/client/dpop` returns it. All that only bound sessions
 * need is there, so that other clients do not load it.
 *
 * @example
 * const client = createAuthClient({ dpop: dpop() });
 */
export interface Dpop {
  /** The client calls it once. */
  proofsOf(client: ProvenClient): Proofs;
}

/** The part of a client's options that proofs depend on. */
export interface ProvenClient {
  /** The same for all clients that share a session, and no others. */
  readonly name: string;
  readonly baseUrl: string;
  readonly authUrl: string;
  readonly fetch: typeof fetch;
}

type Init = NonNullable<Parameters<typeof fetch>[1]>;

/** Sends a request with an access token, if there is one. */
export type Send = (input: string | Request, init: Init, token?: AccessToken | null) => Promise<Response>;

/** The proofs of one client. Every method settles within seconds, except for `send`. */
export interface Proofs {
  /** Sends a request with its proof. Repeats it if the server refuses the proof because of its nonce or time. */
  send: Send;
  /** The proof for a request to the server; `undefined` if it needs none. */
  proofFor(method: string, url: string, token?: AccessToken | null): Promise<string | undefined>;
  /** The proof for a request that the application sends itself. */
  getProof(url: string, method: string, token: AccessToken | null): Promise<string | undefined>;
  /** Reads the nonce and the time from a response. Returns whether the proof was refused because of them. */
  learn(
    url: string,
    status: number,
    headers: HeadersLike,
    errorCode: () => Promise<string | undefined>,
  ): Promise<boolean>;
  /** The client calls it when it learns whether its session is bound to the key. */
  sessionIs(bound: boolean): void;
  /** The session was replaced, perhaps by a different tab. The next proof uses the key that is kept now. */
  forget(): void;
  /** The session is over: deletes the key. */
  clear(): Promise<void>;
}
