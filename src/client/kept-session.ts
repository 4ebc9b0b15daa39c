import type { SessionStore, StoredSession } from './client-options.js';

/**
 * The refresh token of a client without cookies. If it cannot be saved, it stays in memory and is saved with the next
 * one.
 */
export interface KeptSession {
  /** Read again each time, because a different process may have refreshed. */
  load(): Promise<StoredSession | undefined>;
  save(session: StoredSession): Promise<void>;
  clear(): Promise<void>;
}

export function keptSession(store: SessionStore | undefined): KeptSession {
  let unsaved: StoredSession | undefined;
  return {
    load: async () => unsaved ?? (await store?.load()) ?? undefined,
    async save(session) {
      unsaved = session;
      try {
        await store?.save(session);
        unsaved = undefined;
      } catch {
        // The store still has the previous token. Failing here would lose the new token, and with it the session.
      }
    },
    async clear() {
      unsaved = undefined;
      await store?.clear();
    },
  };
}
