import { inBrowser, platform } from './platform.js';

/**
 * Remembers that the user has signed out before the server could be told. Scripts cannot remove the cookie, and the
 * next page load must not restore the session. It stores no secret.
 */
export interface UnfinishedLogout {
  /** The id of the session that is left; empty if it was not known; `undefined` if the user has not signed out. */
  remembered(): string | undefined;
  remember(sessionId: string | undefined): void;
  forget(): void;
}

export function unfinishedLogout(name: string): UnfinishedLogout {
  let storage: Record<string, string> = {};
  try {
    if (inBrowser) storage = platform.localStorage ?? storage;
  } catch {
    // Storage can be forbidden.
  }
  return {
    remembered: () => storage[name],
    remember(sessionId = '') {
      try {
        storage[name] = sessionId;
      } catch {
        // Storage can be full.
        storage = { [name]: sessionId };
      }
    },
    forget: () => void delete storage[name],
  };
}
