import { base64url } from '../base64url.js';
import { USABLE } from '../times.js';
import type { RequestCookies } from './request-cookies.js';

/** Seconds. It need not outlive a session. */
const MAX_AGE = 30 * 24 * 60 * 60;
/** Characters. Browsers drop cookies that are longer than 4,096 with their attributes. */
const LONGEST = 3_800;

/** What the browser keeps for this server, in one cookie that scripts cannot read. */
export interface LedgerEntry {
  /** The `idempotency_key` of the next use of the refresh token: the same until an answer has come. */
  readonly key: string;
  /** The access token that came with the refresh token; absent if it has expired. */
  readonly accessToken?: string;
}

/**
 * A server that renders remembers nothing between two requests, so the browser does it. An entry belongs to one refresh
 * token, of which it has a hash: an entry of another session, or of an older token, does not count.
 */
export class CookieLedger {
  constructor(
    private readonly cookies: RequestCookies,
    private readonly name: string,
    private readonly keepAccessToken: boolean,
    private readonly attributes: string,
  ) {}

  async read(refreshToken: string): Promise<LedgerEntry | undefined> {
    const [, hash, key, expiresAt, accessToken] =
      /^([\w-]{22})\.([\w-]{16,64})\.(\d+)\.([\w.~+/=-]*)$/.exec(this.cookies.read(this.name) ?? '') ?? [];
    if (hash !== (await hashOf(refreshToken))) return undefined;
    const alive = accessToken !== '' && Date.now() < Number(expiresAt) * 1000;
    return { key, accessToken: alive ? accessToken : undefined };
  }

  /**
   * Writes the entry of a refresh token.
   *
   * @param lifetime of the access token, in seconds from now
   * @throws if cookies cannot be set any more
   */
  async write(refreshToken: string, { key, accessToken = '' }: LedgerEntry, lifetime = 0): Promise<void> {
    const expiresAt = Math.floor(Date.now() / 1000 + lifetime * USABLE);
    const entry = `${await hashOf(refreshToken)}.${key}.${expiresAt}.`;
    const kept = this.keepAccessToken && entry.length + accessToken.length <= LONGEST ? accessToken : '';
    this.cookies.hand(this.#header(entry + kept, MAX_AGE));
  }

  /** Removes what an earlier session has left. */
  clear(): void {
    if (this.cookies.read(this.name) !== undefined) this.cookies.hand(this.#header('', 0));
  }

  #header(value: string, maxAge: number): string {
    return `${this.name}=${value}; Max-Age=${maxAge}; Path=/; ${this.attributes}`;
  }
}

/** 128 bits of SHA-256. The token is random, so the hash tells nothing about it. */
async function hashOf(refreshToken: string): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(refreshToken));
  return base64url(new Uint8Array(hash, 0, 16));
}
