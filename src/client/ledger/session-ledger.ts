import { isBound } from '../access-token.js';
import type { AuthAnswer } from '../auth-routes.js';
import { delay } from '../platform.js';
import { bounded } from './bounded.js';
import { freshKey } from './fresh-key.js';
import type { SessionStore, StoredSession } from './stored-session.js';

/** The server takes no claim with more keys. */
const MOST_KEYS = 16;
/**
 * Without a lock, a different process may be about to replace what was just written, and the key in it. So nobody uses
 * a ledger that is younger than this many milliseconds.
 */
const SETTLING = 200;
/** It is used after this number of waits at the latest. */
const MOST_WAITS = 10;

/** A use of the refresh token: what is sent, the same for every retry of it. */
export interface Use extends Partial<StoredSession> {
  uses: string[];
}

interface Seen {
  readonly ledger?: Use;
  /** Whether all of it is in the store: what is sent must be written down. */
  readonly isStored: boolean;
}

/**
 * What this client knows of its session: its token, the keys that brought it, and the key of its next use. All of it is
 * written in one write, together with the token. So a client that is killed at any instruction goes on with the same use
 * (`docs/guides/retries-and-theft.md`).
 *
 * A store has no compare-and-set. Several processes that read the same ledger use the same key, because it was drawn when
 * the token was stored. Each process reads before it writes, keeps what is newer, and adds the keys that it knows.
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
    return (await this.#look()).ledger;
  }

  /**
   * The use of the current token. Its key is written down before anybody sends it.
   *
   * @returns nothing if the store has no session
   */
  async use(): Promise<Use | undefined> {
    const found = await this.#settled();
    if (!found.ledger || (found.isStored && found.ledger.uses.length)) return found.ledger;
    return this.#alone(async () => {
      const { ledger = found.ledger!, isStored } = await this.#look().catch(() => found);
      if (isStored && ledger.uses.length) return ledger;
      return this.#write({ ...ledger, uses: ledger.uses.length ? ledger.uses : [freshKey()] });
    });
  }

  /** The server has finished this use. If the token is still the newest here, it is used afresh. */
  async useAfresh(finished: Use): Promise<void> {
    await this.#alone(async () => {
      const current = (await this.read().catch(() => undefined)) ?? finished;
      const isFinished = isSame(current, finished) && last(current.uses) === last(finished.uses);
      if (isFinished) await this.#write({ ...current, uses: [...current.uses, freshKey()] });
    });
  }

  /**
   * A session begins: stores its token.
   *
   * @param key of the request that brought it, if that is known
   */
  async begin(answer: AuthAnswer, key?: string): Promise<void> {
    await this.#alone(async () => this.#store(await this.#readOrOwn(), answer, key ? [key] : [], answer.client_nonce));
  }

  /** Stores the token that a use has brought. */
  async keep(answer: AuthAnswer, use: Use): Promise<void> {
    const { session_id: sessionId, generation } = answer;
    await this.#alone(async () => {
      const current = await this.#readOrOwn();
      // Somebody has signed in with this store in the meantime.
      if (current && current.sessionId !== use.sessionId && current.sessionId !== sessionId) return;
      const presented = { sessionId, generation: generation - 1 };
      // A different process may have used the same token with a key of its own. It has brought the same successor.
      const keys = current && isSame(current, presented) ? union(current.uses, use.uses) : use.uses;
      // Nobody knows who else was given a token, if it is not known which token was presented for it.
      await this.#store(current, answer, isSame(use, presented) ? keys : [], use.clientNonce);
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

  /** Stores a token and what brought it in one write, unless the store has a newer one. */
  async #store(current: Use | undefined, answer: AuthAnswer, keys: string[], clientNonce?: string): Promise<void> {
    const { refresh_token: refreshToken, session_id: sessionId, generation } = answer;
    if (current?.sessionId !== sessionId || !(current.generation! >= generation)) {
      const dpop = isBound({ type: answer.token_type }) || undefined;
      await this.#write({ refreshToken, clientNonce, dpop, sessionId, generation, keys, uses: [freshKey()] });
      return;
    }
    // A different process or tab has stored this token, or a newer one.
    const all = broughtBy(current.keys, keys);
    const isNews = current.generation === generation && all.length !== current.keys?.length;
    if (isNews) await this.#write({ ...current, keys: all });
  }

  async #look(): Promise<Seen> {
    const stored = await bounded(() => this.store.load()).catch((error: unknown) => {
      if (this.#isSaved) throw error;
      return undefined;
    });
    const own = this.#own;
    const isBehind = own && own.sessionId === stored?.sessionId && own.generation! > stored!.generation!;
    if (isBehind || (own && !this.#isSaved && own.sessionId !== stored?.sessionId)) {
      return { ledger: own, isStored: false };
    }
    if (!stored) return { isStored: true };
    if (!own || !isSame(stored, own)) return { ledger: { ...stored, uses: stored.uses ?? [] }, isStored: true };
    // A different process may have written at the same moment, with a key of its own. Each key may have been sent.
    const uses = union(own.uses, stored.uses);
    const ledger = { ...stored, keys: broughtBy(stored.keys, own.keys), uses };
    return { ledger, isStored: uses.every((key) => stored.uses?.includes(key)) };
  }

  async #settled(): Promise<Seen> {
    for (let waits = 0; ; waits++) {
      const seen = await this.#look();
      const age = Date.now() - (seen.ledger?.savedAt ?? 0);
      const isSettled = !this.claims || !!this.store.lock || age < 0 || age >= SETTLING;
      if (isSettled || waits === MOST_WAITS) return seen;
      await delay(SETTLING - age);
    }
  }

  #readOrOwn(): Promise<Use | undefined> {
    return this.read().catch(() => this.#own);
  }

  async #write(changed: Use): Promise<Use> {
    const ledger = { ...changed, savedAt: Date.now() };
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

/** The uses that brought a token. No keys say that nobody knows; then more keys do not help. */
const broughtBy = (some: string[] = [], more: string[] = []) => (some.length && more.length ? union(some, more) : []);

/** Whether both are of the same token. The ledgers of older clients have no generation. */
const isSame = (one: Partial<StoredSession>, other: Partial<StoredSession>) =>
  one.sessionId === other.sessionId &&
  one.generation === other.generation &&
  (one.generation !== undefined || one.refreshToken === other.refreshToken);
