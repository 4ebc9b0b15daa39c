import { inBrowser } from '../platform.js';

/**
 * Remembers over page loads that the session is bound to a key of this device. So a key that cannot be read now is not
 * mistaken for a session without one. It is no secret.
 */
export interface BoundNote {
  /** Whether this client, or a different tab, has noted it. */
  isBound(): boolean;
  /** Whether this client has. */
  isOwn(): boolean;
  write(bound: boolean): void;
  /** Believes the other tabs. */
  forget(): void;
}

export function boundNote(name: string): BoundNote {
  const key = `${name} dpop`;
  // Without storage, for example in a worker, the note lives as long as the page.
  let inMemory = false;
  const storage = () =>
    inBrowser ? (globalThis as { localStorage?: Record<string, string> }).localStorage : undefined;
  return {
    isBound() {
      try {
        return inMemory || storage()?.[key] !== undefined;
      } catch {
        return inMemory;
      }
    },
    isOwn: () => inMemory,
    write(bound) {
      inMemory = bound;
      try {
        const kept = storage();
        if (kept && bound) kept[key] = 'bound';
        else if (kept) delete kept[key];
      } catch {
        // Storage can be forbidden or full.
      }
    },
    forget() {
      inMemory = false;
    },
  };
}
