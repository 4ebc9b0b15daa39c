import { inBrowser, platform } from '../platform.js';
import type { SessionStore, StoredSession } from './stored-session.js';

/**
 * The ledger of a session whose refresh token is in the cookie. All tabs share it in `localStorage`. It has no secret:
 * the keys are useless without the token.
 */
export interface CookieUses extends SessionStore {
  /** The session that the tabs of this origin are signed in to; `undefined` if there is none. */
  sessionNow(): string | undefined;
}

/** Where storage is forbidden or full, the ledger is in memory. */
export function cookieUses(name: string): CookieUses {
  let storage: Record<string, string> = {};
  try {
    if (inBrowser) storage = platform.localStorage ?? storage;
  } catch {
    // Storage can be forbidden.
  }
  const place = `${name} uses`;
  const load = (): StoredSession => {
    try {
      return JSON.parse(storage[place]) as StoredSession;
    } catch {
      // The cookie may be there all the same.
      return {} as StoredSession;
    }
  };
  return {
    load,
    save(session) {
      const text = JSON.stringify(session);
      try {
        storage[place] = text;
      } catch {
        storage = { [place]: text };
      }
    },
    clear: () => void delete storage[place],
    sessionNow: () => load().sessionId,
  };
}
