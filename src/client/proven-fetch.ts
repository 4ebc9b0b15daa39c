import type { AccessToken } from './access-token.js';
import type { ResolvedClientOptions } from './client-options.js';
import { type DpopKey, dpopKey } from './dpop/dpop-key.js';
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
  readonly #fetch: typeof fetch;
  /** The last nonce of each server (RFC 9449 §8.2). */
  readonly #nonces = new Map<string, string>();
  #clockOffset = 0;

  constructor(options: ResolvedClientOptions) {
    this.#fetch = options.fetch;
    this.key = options.dpop ? dpopKey(options.dpop, options.name) : undefined;
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
      const response = await this.#fetch(copies.take(!repeats), { ...init, headers });
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
    const bound = token?.type.toLowerCase() === 'dpop';
    const headers: [string, string][] = token ? [['Authorization', `${bound ? 'DPoP' : 'Bearer'} ${token.value}`]] : [];
    if (this.key && (bound || !token)) {
      const clockOffset = this.#clockOffset;
      const nonce = this.#nonces.get(new URL(url).origin);
      const proof = await this.key.prove({ method, url, accessToken: token?.value, nonce, clockOffset });
      headers.push(['DPoP', proof]);
    }
    return headers;
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
    if (nonce) this.#nonces.set(new URL(url).origin, nonce);
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
