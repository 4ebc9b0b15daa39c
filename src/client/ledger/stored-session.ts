/**
 * What a store keeps of a session, if there is no cookie. It can be written as JSON. It is a secret: write it as a whole,
 * where only its user can read it. Older versions of the client wrote the first two fields only.
 *
 * @example
 * const text: string = JSON.stringify(session satisfies StoredSession);
 */
export interface StoredSession {
  refreshToken: string;
  /** Only for a session that began with `bind: 'nonce'`. */
  clientNonce?: string;
  /** Whether the session is bound to the key of this device. */
  dpop?: boolean;
  /** The id of the session. */
  sessionId?: string;
  /** The generation of the refresh token. */
  generation?: number;
  /** The keys of the requests that may have brought the refresh token. */
  keys?: string[];
  /** The keys of the next use of the refresh token. The last one is sent. */
  uses?: string[];
  /** When it was written, by the clock of this machine, in milliseconds. */
  savedAt?: number;
}

/**
 * Where an application outside a browser keeps the session: for example a key chain, or a file that only its user can
 * read. If a method throws or takes more than five seconds, the client tries again later. A token that could not be saved
 * stays in memory, and is not used before it is saved.
 *
 * @example
 * let kept: StoredSession | undefined;
 * const store: SessionStore = {
 *   load: () => kept,
 *   save: (session) => void (kept = session),
 *   clear: () => void (kept = undefined),
 * };
 */
export interface SessionStore {
  /** If it returns nothing or throws, nobody is signed in for now. Nothing is cleared, and the client asks again. */
  load(): StoredSession | undefined | null | Promise<StoredSession | undefined | null>;
  /** Replaces the whole session in one write. */
  save(session: StoredSession): void | Promise<void>;
  /** Called only if the user signs out, or the server has said that the session is over. */
  clear(): void | Promise<void>;
  /**
   * Runs `work` while no other process that uses this store runs its own. Give it if several processes share the store
   * and may refresh at the same moment.
   */
  lock?<T>(work: () => Promise<T>): Promise<T>;
}
