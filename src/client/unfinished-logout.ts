import { inBrowser } from './platform.js';

/**
 * Remembers that the user has signed out while the server could not be told yet: script cannot remove the cookie, and the
 * next start must not bring the session back. Holds no secret.
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
    // It can be forbidden.
  }
  return {
    remembered: () => name in storage,
    remember() {
      try {
        storage[name] = '';
      } catch {
        // It can be full.
        storage = { [name]: '' };
      }
    },
    forget: () => void delete storage[name],
  };
}
