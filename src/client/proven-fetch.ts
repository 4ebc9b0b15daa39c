import { type AccessToken, isBound } from './access-token.js';
import type { ResolvedClientOptions } from './client-options.js';
import type { DpopKey } from './dpop-option.js';
import { Copies } from './repeatable.js';
import { discard, errorCodeOf } from './responses.js';

type Init = NonNullable<Parameters<typeof fetch>[1]>;

/** The client corrects its clock if it differs from the server's by more than this many milliseconds. */
const CLOCK_TOLERANCE = 5_000;
/** One repeat for the time and one for the nonce. */
const MOST_REPEATS = 2;

/** Sends requests with the access token and, if there is a key, a DPoP proof. */
export class ProvenFetch {
  readonly key: DpopKey | undefined;
  readonly #options: ResolvedClientOptions;
  /** The last nonce of each server (RFC 9449 §8.2), by its host: its WebSockets have a different origin. */
  readonly #nonces = new Map<string, string>();
  #clockOffset = 0;

  constructor(options: ResolvedClientOptions) {
    this.#options = options;
    this.key = options.dpop ? options.dpop.keyOf(options.name) : undefined;
  }

  /**
   * Sends a request. Repeats it if the server refuses it because its nonce or time is wrong, and if it can be sent
   * again.
   */
  async fetch(input: string | Request, init: Init, token?: AccessToken | null): Promise<Response> {
    const { url, method } = typeof input === 'string' ? { url: input, method: 'GET' } : input;
    const htm = (init.method ?? method).toUpperCase();
    const copies = new Copies(input, init.body);
    // Without a key, no repeat is due, so no copy is made.
    for (let repeats = this.key ? MOST_REPEATS : 0; ; repeats--) {
      const headers = new Headers(init.headers);
      for (const [name, value] of await this.headersFor(htm, url, token)) headers.set(name, value);
      const response = await this.#options.fetch(copies.take(!repeats), { ...init, headers });
      const again = await this.learn(url, response.status, response.headers, () => errorCodeOf(response));
      if (!again || !copies.hasNext) {
        copies.drop();
        return response;
      }
      discard(response);
    }
  }

  /** The headers with the token and the proof. Without a token, for example at login, only the proof. */
  async headersFor(method: string, url: string, token?: AccessToken | null): Promise<[string, string][]> {
    const scheme = isBound(token) ? 'DPoP' : 'Bearer';
    const headers: [string, string][] = token ? [['Authorization', `${scheme} ${token.value}`]] : [];
    const { authUrl } = this.#options;
    // A sign-out needs no proof. So it does not depend on the key.
    const proof =
      url === `${authUrl}/logout` ? undefined : await this.#proof(method, url, token, url === `${authUrl}/login`);
    if (proof) headers.push(['DPoP', proof]);
    return headers;
  }

  /**
   * The proof for a request that the application sends itself. If nobody is signed in, it is for a login, which
   * can make a new key.
   */
  getProof(url: string, method: string, token: AccessToken | null): Promise<string | undefined> {
    return this.#proof(method.toUpperCase(), new URL(url, this.#options.baseUrl).href, token, !token);
  }

  async #proof(
    method: string,
    url: string,
    token: AccessToken | null | undefined,
    beginsSession: boolean,
  ): Promise<string | undefined> {
    if (!this.key || (token && !isBound(token))) return undefined;
    if (beginsSession && !(await this.key.prepare())) return undefined;
    const clockOffset = this.#clockOffset;
    const nonce = this.#nonces.get(new URL(url).host);
    return this.key.prove({ method, url, accessToken: token?.value, nonce, clockOffset });
  }

  /** Reads the nonce and the time from a response. Returns whether the proof was refused because of them. */
  async learn(
    url: string,
    status: number,
    headers: { get(name: string): string | null },
    errorCode: () => Promise<string | undefined>,
  ): Promise<boolean> {
    if (!this.key) return false;
    const nonce = headers.get('dpop-nonce');
    if (nonce) this.#nonces.set(new URL(url).host, nonce);
    if (status !== 400 && status !== 401) return false;
    const code = await errorCode();
    if (code === 'use_dpop_nonce') return !!nonce;
    if (code !== 'invalid_dpop_proof') return false;
    const offset = Date.parse(headers.get('date') ?? '') - Date.now();
    const wrong = Math.abs(offset - this.#clockOffset) > CLOCK_TOLERANCE;
    if (wrong) this.#clockOffset = offset;
    return wrong;
  }
}
