import { isBound } from '../access-token.js';
import type { AuthAnswer } from '../auth-answer.js';
import { unavailable } from '../client-errors.js';
import { delay } from '../platform.js';
import { MOST_WAITS, MOST_WRITES, SETTLING } from '../times.js';
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
 * the token was stored. Each process reads before it writes, keeps what is newer, and adds the keys that it knows.
 */
export interface SessionLedger {
  /** Reads again each time, because a different process may have refreshed. @throws AuthClientError if the store cannot be read */
  read(): Promise<Use | undefined>;
  /**
   * The use of the current token. Its key is written down before anybody sends it.
   *
   * @returns nothing if the store has no session
   * @throws AuthClientError if the store cannot be read
   */
  use(): Promise<Use | undefined>;
  /**
   * The server has finished this use. If the token is still the newest here, it is used afresh.
   *
   * @returns whether the next use is a different one; not while the store fails
   */
  useAfresh(finished: Use): Promise<boolean>;
  /**
   * A session begins: stores its token.
   *
   * @param key of the request that brought it, if that is known
   */
  begin(answer: AuthAnswer, key?: string): Promise<void>;
  /** Stores the token that a use has brought. */
  keep(answer: AuthAnswer, use: Use): Promise<void>;
  /** Whether this use is still that of the newest token. @throws AuthClientError if the store cannot be read, or is empty */
  isCurrent(use: Use): Promise<boolean>;
  /** @returns whether this session was cleared; not if the store has a different one by now */
  clear(sessionId: string | undefined): Promise<boolean>;
  /**
   * The fields of a request that tell the server about the use.
   *
   * @throws AuthClientError if the use could not be written down, and the store has this session
   */
  wire(use: Use): object;
}

interface Seen {
  readonly ledger?: Use;
  /** What the store has. */
  readonly loaded?: StoredSession | null;
  /** Whether all of it is in the store: what is sent must be written down. */
  readonly isStored: boolean;
}

export function sessionLedger(store: SessionStore, claims: boolean): SessionLedger {
  /** The last ledger that this client has written, or could not write. The store may be behind. */
  let own: Use | undefined;
  let isSaved = true;
  /** What the store is known to have had last. */
  let stored: Partial<StoredSession> | undefined;
  /** The session that the last write replaces, if that is known. */
  let replaced: string | undefined;

  const alone = <T>(work: () => Promise<T>): Promise<T> => {
    let begun: Promise<T> | undefined;
    const once = () => (begun ??= work());
    return store.lock ? bounded(() => store.lock!(once)).catch(once) : once();
  };

  const look = async (): Promise<Seen> => {
    const loaded = await bounded(() => store.load()).catch((cause: unknown) => {
      if (isSaved) throw unavailable('The store cannot be read.', undefined, undefined, cause);
      return undefined;
    });
    stored = loaded ?? stored;
    const isOfOwn = loaded && own?.sessionId === loaded.sessionId;
    // A different process has signed in, while this one could not write.
    const isForeign = loaded?.sessionId && replaced && loaded.sessionId !== replaced;
    if (own && (isOfOwn ? own.generation! > loaded.generation! : !isSaved && !isForeign))
      return { ledger: own, loaded, isStored: false };
    const wasSaved = isSaved;
    isSaved = true;
    if (!loaded) return { isStored: true };
    const { uses = [] } = loaded;
    if (!own || !isSame(loaded, own)) return { ledger: { ...loaded, uses }, loaded, isStored: true };
    // A different process may have written at the same moment, with a key of its own. Each key that was written down may
    // have been sent.
    const all = wasSaved || !uses.length ? merged(own.uses, uses) : uses;
    const keys = broughtBy(loaded.keys, own.keys);
    const ledger = { ...loaded, keys, uses: all };
    if (!wasSaved) own = ledger;
    return { ledger, loaded, isStored: hasAll(uses, all) && hasAll(loaded.keys, keys) };
  };
  const settled = async (): Promise<Seen> => {
    for (let waits = 0; ; waits++) {
      const seen = await look();
      const age = Date.now() - (seen.ledger?.savedAt ?? 0);
      const isSettled = !claims || age < 0 || age >= SETTLING;
      if (isSettled || waits === MOST_WAITS) return seen;
      await delay(SETTLING - age);
    }
  };
  const read = async () => (await look()).ledger;
  const readOrOwn = () => read().catch(() => own);

  /**
   * A call that was given up may take effect late, and undo what came after it. Then that is done again.
   *
   * @returns whether it has succeeded in time
   */
  const change = async (work: () => void | Promise<void>): Promise<boolean> => {
    const before = own;
    const running = (async () => work())();
    const isDone = await bounded(() => running).then(
      () => true,
      () => false,
    );
    const repair = async () => {
      if (own === before) return;
      if (!own) return store.clear();
      // A different process may have stored a newer token.
      const { ledger, isStored } = await look();
      if (ledger && !isStored) await write(ledger);
    };
    if (!isDone) running.then(repair).catch(() => undefined);
    return isDone;
  };

  /** The ledger counts for this client, and is not in the store. */
  const hold = (ledger: Use): void => {
    own = ledger;
    isSaved = false;
    replaced = stored?.sessionId;
  };

  const write = async (changed: Use): Promise<Use> => {
    const ledger = { ...changed, savedAt: Date.now() };
    hold(ledger);
    // If it fails, the store still has the previous token. An error would lose the new one, and with it the session.
    const isDone = await change(() => store.save(ledger as StoredSession));
    if (own === ledger) isSaved = isDone;
    if (isDone) stored = ledger;
    return ledger;
  };

  /** Writes down the key of a use. @returns the use that is in the store, if it can only be read */
  const writeDown = async (found: Seen): Promise<Use> => {
    const { ledger = found.ledger!, loaded, isStored } = await look().catch(() => found);
    if (isStored && ledger.uses.length) return ledger;
    const written = await write({ ...ledger, uses: ledger.uses.length ? ledger.uses : [freshKey()] });
    if (isSaved || !loaded?.uses?.length || loaded.sessionId !== written.sessionId) return written;
    // The server repeats its answer to the use of the predecessor. An older one would be reuse.
    return loaded.generation! >= written.generation! - 1 ? { ...loaded, uses: loaded.uses } : written;
  };

  /**
   * Stores a token and what brought it in one write, unless the store has a newer one.
   *
   * @param isUnread whether nobody knows what the store has. A different process may have stored this token with a key of
   *   its own, and sent it. So it is not written over. The store still has the use that brings this token again.
   */
  const keepToken = async (
    current: Use | undefined,
    answer: AuthAnswer,
    keys: string[],
    clientNonce?: string,
    isUnread?: boolean,
  ) => {
    const { refresh_token: refreshToken, session_id: sessionId, generation } = answer;
    if (current?.sessionId !== sessionId || !(current.generation! >= generation)) {
      const dpop = isBound({ type: answer.token_type }) || undefined;
      const ledger = { refreshToken, clientNonce, dpop, sessionId, generation, keys, uses: [freshKey()] };
      if (isUnread) hold(ledger);
      else await write(ledger);
      return;
    }
    // A different process or tab has stored this token, or a newer one.
    const all = broughtBy(current.keys, keys);
    const isNews = current.generation === generation && all.length !== current.keys?.length;
    if (isNews) await write({ ...current, keys: all });
  };

  return {
    read,
    async use() {
      for (let writes = 0; ; writes++) {
        const found = await settled();
        const isWritten = found.isStored && found.ledger?.uses.length;
        if (!found.ledger || isWritten || writes === MOST_WRITES) return found.ledger;
        const use = await alone(() => writeDown(found));
        if (!isSaved) return use;
        // Without a lock, others may write at this moment. So it is read again.
      }
    },
    useAfresh: (finished) =>
      alone(async () => {
        const current = await read().catch(() => undefined);
        const isFinished = current && isSame(current, finished) && last(current.uses) === last(finished.uses);
        // With one key more than the server takes, no claim follows: some that may have brought the successor are forgotten.
        if (isFinished) await write({ ...current, uses: [...current.uses, freshKey()].slice(-MOST_KEYS - 1) });
        return !!current && isSaved;
      }),
    begin: (answer, key) =>
      alone(async () => keepToken(await readOrOwn(), answer, key ? [key] : [], answer.client_nonce)),
    keep: (answer, use) =>
      alone(async () => {
        const { session_id: sessionId, generation } = answer;
        const seen = await look().catch(() => undefined);
        const current = seen ? seen.ledger : own;
        // Somebody has signed in with this store in the meantime.
        if (current && current.sessionId !== use.sessionId && current.sessionId !== sessionId) return;
        const presented = { sessionId, generation: generation - 1 };
        // A different process may have used the same token with a key of its own. It has brought the same successor.
        const keys = current && isSame(current, presented) ? union(current.uses, use.uses) : use.uses;
        // Nobody knows who else was given a token, if it is not known which token was presented for it.
        await keepToken(current, answer, isSame(use, presented) ? keys : [], use.clientNonce, !seen);
      }),
    async isCurrent(use) {
      const now = await read();
      // A store that is locked looks like one that is empty.
      if (!now) throw unavailable('The store has no session for now.');
      // While the store can be read only, its use is repeated.
      const current = !isSaved && stored && isSame(stored, use) ? stored : now;
      return current.refreshToken === use.refreshToken && isSame(current, use);
    },
    clear: (sessionId) =>
      alone(async () => {
        const current = await readOrOwn();
        if (sessionId && current?.sessionId && current.sessionId !== sessionId) return false;
        own = stored = undefined;
        isSaved = true;
        await change(() => store.clear());
        return true;
      }),
    wire(use) {
      const { sessionId, uses, keys, generation } = use;
      // A different process, or this one after a kill, will read the predecessor in the store. It would not know of a key
      // that is only here, and one of the two would look like a thief.
      const isWritten = isSaved || !stored || (isSame(stored, use) && hasAll(stored.uses, [last(uses)]));
      // The ledgers of older clients do not name their session.
      if (!isWritten && (stored!.sessionId ?? sessionId) === sessionId)
        throw unavailable('The store cannot be written.');
      const claim = claims && generation !== undefined && keys?.length && keys.length <= MOST_KEYS;
      return { idempotency_key: last(uses), received_with: claim ? { generation, keys } : undefined };
    },
  };
}

const last = (keys: string[]) => keys[keys.length - 1];

const hasAll = (some: string[] = [], more: string[]) => more.every((key) => some.includes(key));

const union = (some: string[] = [], more: string[] = []) => [...new Set([...some, ...more])];

/** The last one is sent. All who read the store send the same, unless they know of more. */
const merged = (own: string[], stored: string[]) =>
  own.length > stored.length && hasAll(own, stored)
    ? own
    : union(
        own.filter((key) => !stored.includes(key)),
        stored,
      );

/** The uses that brought a token. No keys say that nobody knows; then more keys do not help. */
const broughtBy = (some: string[] = [], more: string[] = []) => (some.length && more.length ? union(some, more) : []);

/** Whether both are of the same token. The ledgers of older clients have no generation. */
const isSame = (one: Partial<StoredSession>, other: Partial<StoredSession>) =>
  one.sessionId === other.sessionId &&
  one.generation === other.generation &&
  (one.generation !== undefined || one.refreshToken === other.refreshToken);
