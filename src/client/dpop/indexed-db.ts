import { type DeviceKey, isKeyPair, type KeyStore } from './key-store.js';

// The part of IndexedDB that is used here. It is typed here, so that Node.js programs need no types of the DOM.
interface DbRequest<T> {
  readonly result: T;
  readonly error: unknown;
  onsuccess: () => void;
  onerror: () => void;
  onupgradeneeded?: () => void;
}

interface ObjectStore {
  get(key: string): DbRequest<DeviceKey | undefined>;
  put(value: DeviceKey, key: string): unknown;
  delete(key: string): unknown;
}

interface Transaction {
  readonly error: unknown;
  objectStore(name: string): ObjectStore;
  oncomplete: () => void;
  onabort: () => void;
}

interface Database {
  readonly version: number;
  readonly objectStoreNames: { contains(name: string): boolean };
  createObjectStore(name: string): unknown;
  transaction(store: string, mode: string, options?: { durability: string }): Transaction;
  close(): void;
}

interface IndexedDb {
  open(name: string, version?: number): DbRequest<Database>;
}

const DATABASE = 'nestjs-refresh-token';
const KEYS = 'keys';

/** Whether this platform has IndexedDB at all. It can still refuse or hang. */
export function hasIndexedDb(): boolean {
  try {
    return !!(globalThis as { indexedDB?: unknown }).indexedDB;
  } catch {
    return false;
  }
}

/** A key store in IndexedDB, which stores the key object itself and only lets scripts sign with it. */
export function indexedDbKeyStore(name: string): KeyStore {
  return {
    load: () => withKeys('readonly', (keys) => keys.get(name)),
    async save(pair) {
      await withKeys('readwrite', (keys) => {
        const kept = keys.get(name);
        // If a different tab has saved a key in the meantime, that key stays: its session may be bound to it.
        kept.onsuccess = () => void (isKeyPair(kept.result) || keys.put(pair, name));
      });
    },
    async clear() {
      await withKeys('readwrite', (keys) => void keys.delete(name));
    },
  };
}

/** Runs the work in one transaction. Resolves when it is committed, to the result of the request that it returns. */
async function withKeys<T>(mode: string, work: (keys: ObjectStore) => DbRequest<T> | void): Promise<T | undefined> {
  const database = await openWithKeys();
  try {
    const transaction = database.transaction(KEYS, mode, { durability: 'strict' });
    const request = work(transaction.objectStore(KEYS));
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error as Error);
    });
    return request?.result;
  } finally {
    // An open connection would block a tab that deletes or upgrades the database.
    database.close();
  }
}

async function openWithKeys(): Promise<Database> {
  const database = await open();
  if (database.objectStoreNames.contains(KEYS)) return database;
  // Somebody else has created the database, without our store.
  database.close();
  return open(database.version + 1);
}

function open(version?: number): Promise<Database> {
  return new Promise((resolve, reject) => {
    const opening = (globalThis as unknown as { indexedDB: IndexedDb }).indexedDB.open(DATABASE, version);
    opening.onupgradeneeded = () => {
      const { result } = opening;
      if (!result.objectStoreNames.contains(KEYS)) result.createObjectStore(KEYS);
    };
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error as Error);
  });
}
