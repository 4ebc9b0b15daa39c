/** Web Locks, as far as the client uses them. */
export interface Locks {
  request(
    name: string,
    options: { ifAvailable?: boolean; steal?: boolean; signal?: AbortSignal },
    work: (lock: unknown) => unknown,
  ): Promise<unknown>;
}

/** What a page has and other places may lack. Typed here, so that neither the types of the DOM nor those of Node are needed. */
export const platform = globalThis as unknown as {
  addEventListener?(type: string, listener: () => void, options: { signal: AbortSignal }): void;
  location?: { href: string };
  document?: { hidden: boolean };
  navigator?: { locks?: Locks };
  indexedDB?: IndexedDb;
};

interface IndexedDb {
  open(name: string): DbRequest<Database>;
}

interface DbRequest<T> {
  result: T;
  error: unknown;
  onsuccess: () => void;
  onerror: () => void;
  onupgradeneeded?: () => void;
}

interface Database {
  createObjectStore(name: string): unknown;
  transaction(store: string, mode: 'readonly' | 'readwrite'): { objectStore(name: string): ObjectStore };
  close(): void;
}

export interface ObjectStore {
  get(key: string): DbRequest<unknown>;
  put(value: unknown, key: string): DbRequest<unknown>;
  delete(key: string): DbRequest<unknown>;
}

export type { DbRequest };

/** Whether this is a page, or a worker of one: somewhere with cookies, and with other tabs. */
export const inBrowser = platform.location !== undefined;

export const delay = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
