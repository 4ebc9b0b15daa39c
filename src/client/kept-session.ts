import type { SessionStore, StoredSession } from './client-options.js';

/** The refresh token where there is no cookie. One that could not be saved is kept in memory, and saved with the next. */
export interface KeptSession {
  /** Read anew each time: another process may have refreshed. */
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
        // The token that the store still has was honest a moment ago; losing the new one would be the end of the session.
      }
    },
    async clear() {
      unsaved = undefined;
      await store?.clear();
    },
  };
}
