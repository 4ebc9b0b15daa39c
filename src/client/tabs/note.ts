import { inBrowser, platform } from '../platform.js';

/** A text that all tabs of one origin share, in `localStorage`. It must not be a secret. */
export interface Note {
  read(): string | undefined;
  write(text: string): void;
  remove(): void;
}

/** Where storage is forbidden or full, and outside of browsers, the note is in memory. */
export function noteAt(place: string): Note {
  let storage: Record<string, string> = {};
  try {
    if (inBrowser) storage = platform.localStorage ?? storage;
  } catch {
    // Storage can be forbidden.
  }
  return {
    read: () => storage[place],
    write(text) {
      try {
        storage[place] = text;
      } catch {
        // Storage can be full.
        storage = { [place]: text };
      }
    },
    remove: () => void delete storage[place],
  };
}
