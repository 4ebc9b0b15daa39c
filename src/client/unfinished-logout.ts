import { inBrowser } from './platform.js';

/**
 * Remembers that the user has signed out before the server could be told. Scripts cannot remove the cookie, and the
 * next page load must not restore the session. It stores no secret.
 */
export interface UnfinishedLogout {
  remembered(): boolean;
  remember(): void;
  forget(): void;
}

export function unfinishedLogout(name: string): UnfinishedLogout {
  let storage: Record<string, string> = {};
  try {
    if (inBrowser) storage = (globalThis as unknown as { localStorage?: typeof storage }).localStorage ?? storage;
  } catch {
    // Storage can be forbidden.
  }
  return {
    remembered: () => name in storage,
    remember() {
      try {
        storage[name] = '';
      } catch {
        // Storage can be full.
        storage = { [name]: '' };
      }
    },
    forget: () => void delete storage[name],
  };
}
