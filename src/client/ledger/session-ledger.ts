import { isBound } from '../access-token.js';
import type { AuthAnswer } from '../auth-routes.js';
import { bounded } from './bounded.js';
import { freshKey } from './fresh-key.js';
import type { SessionStore, StoredSession } from './stored-session.js';

/** The server takes no claim with more keys. */
const MOST_KEYS = 16;

/** A use of the refresh token: what is sent, the same for every retry of it. */
export interface Use extends Partial<StoredSession> {
  uses: string[];
}

/**
 * What this client knows of its session: its token, the keys that brought it, and the key of its next use. All of it is
 * written in one write, together with the token. So a client that is killed at any instruction goes on with the same use
 * (`docs/guides/retries-and-theft.md`).
 *
 * A store has no compare-and-set. Several processes that read the same ledger use the same key, because it was drawn when
 * the token was stored. Whoever writes reads first, keeps what is newer, and adds the keys that it knows.
 */
export class SessionLedger {
  /** The last ledger that this client has written, or could not write. The store may be behind. */
  #own: Use | undefined;
  #isSaved = true;

  constructor(
    private readonly store: SessionStore,
    private readonly claims: boolean,
  ) {}

  /** Reads again each time, because a different process may have refreshed. @throws if the store cannot be read */
  async read(): Promise<Use | undefined> {
    const stored = await bounded(() => this.store.load()).catch((error: unknown) => {
      if (this.#isSaved) throw error;
      return undefined;
    });
    const own = this.#own;
    if (own && !this.#isSaved && stored?.sessionId !== own.sessionId) return own;
    if (!stored) return undefined;
    if (own?.sessionId === stored.sessionId && own?.generation! > stored.generation!) return own;
    const keys = own && isSame(stored, own) ? union(stored.keys, own.keys) : stored.keys;
    return { ...stored, keys, uses: stored.uses ?? [] };
  }

  /**
   * The use of the current token. Its key is written down before anybody sends it.
   *
   * @returns nothing if the store has no session
   */
  async use(): Promise<Use | undefined> {
    const found = await this.read();
    if (!found || (found.uses.length && this.#isSaved)) return found;
    return this.#alone(async () => {
      const current = (await this.read()) ?? found;
      return this.#write({ ...current, uses: current.uses.length ? current.uses : [freshKey()] });
    });
  }

  /** The server has finished this use. If the token is still the newest here, it is used afresh. */
  async useAfresh(finished: Use): Promise<void> {
    await this.#alone(async () => {
      const current = (await this.read()) ?? finished;
      const isFinished = isSame(current, finished) && last(current.uses) === last(finished.uses);
      if (isFinished) await this.#write({ ...current, uses: [...current.uses, freshKey()] });
    });
  }

  /** Stores a token and what brought it, unless the store has a newer one. A former key may have brought it, too. */
  async keep(answer: AuthAnswer, uses: string[], clientNonce: string | undefined): Promise<void> {
    const { refresh_token: refreshToken, session_id: sessionId, generation } = answer;
    await this.#alone(async () => {
      const current = await this.read().catch(() => this.#own);
      const keys = current?.sessionId === sessionId && current.generation === generation - 1 ? current.uses : [];
      const next: Use = {
        refreshToken,
        clientNonce,
        dpop: isBound({ type: answer.token_type }) || undefined,
        sessionId,
        generation,
        keys: union(uses, keys),
        uses: [freshKey()],
      };
      if (!current || current.sessionId !== sessionId || !(current.generation! >= generation)) return this.#write(next);
      // A different process or tab has stored this token, or a newer one.
      const isKnown = current.generation! > generation || uses.every((key) => current.keys?.includes(key));
      return isKnown ? current : this.#write({ ...current, keys: union(current.keys, uses) });
    });
  }

  /** Whether this use is still that of the newest token. If the store cannot be read, it may be not. */
  async isCurrent({ refreshToken, sessionId, generation }: Use): Promise<boolean> {
    const now = await this.read().catch(() => undefined);
    return !!now && now.refreshToken === refreshToken && isSame(now, { sessionId, generation });
  }

  async clear(): Promise<void> {
    this.#own = undefined;
    this.#isSaved = true;
    await bounded(() => this.store.clear()).catch(() => undefined);
  }

  /** The fields of a request that tell the server about the use. */
  wire({ uses, keys, generation }: Use): object {
    const claim = this.claims && generation !== undefined && keys?.length && keys.length <= MOST_KEYS;
    return { idempotency_key: last(uses), received_with: claim ? { generation, keys } : undefined };
  }

  async #write(ledger: Use): Promise<Use> {
    this.#own = ledger;
    this.#isSaved = false;
    try {
      await bounded(() => this.store.save(ledger as StoredSession));
      this.#isSaved = true;
    } catch {
      // The store still has the previous token. Failing here would lose the new token, and with it the session.
    }
    return ledger;
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    let begun: Promise<T> | undefined;
    const once = () => (begun ??= work());
    const { store } = this;
    return store.lock ? bounded(() => store.lock!(once)).catch(once) : once();
  }
}

const last = (keys: string[]) => keys[keys.length - 1];

const union = (some: string[] = [], more: string[] = []) => [...new Set([...some, ...more])];

const isSame = (one: Partial<StoredSession>, other: Partial<StoredSession>) =>
  one.sessionId === other.sessionId && one.generation === other.generation;
