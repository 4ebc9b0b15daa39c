import { type DbRequest, type ObjectStore, platform } from '../platform.js';

/** A `CryptoKey`, by whichever types the application has for it. */
type Key = Parameters<typeof crypto.subtle.sign>[1];

/** The key of a device; a `CryptoKeyPair`, of which the private half cannot be exported. */
export interface DeviceKey {
  readonly publicKey: Key;
  readonly privateKey: Key;
}

/** Where the key of a device is kept. It cannot be written as text. */
export interface KeyStore {
  load(): DeviceKey | undefined | Promise<DeviceKey | undefined>;
  save(key: DeviceKey): void | Promise<void>;
  clear(): void | Promise<void>;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' };

export function generateKey(): Promise<DeviceKey> {
  return crypto.subtle.generateKey(ALGORITHM, false, ['sign', 'verify']);
}

/** In IndexedDB, which keeps the key itself, and hands out no more than the right to sign with it. */
export function indexedDbKeyStore(name: string): KeyStore | undefined {
  const { indexedDB } = platform;
  if (!indexedDB) return undefined;

  const withKeys = async <T>(work: (keys: ObjectStore) => DbRequest<T>): Promise<T> => {
    const opening = indexedDB.open('nestjs-refresh-token');
    opening.onupgradeneeded = () => void opening.result.createObjectStore('keys');
    const database = await resultOf(opening);
    try {
      return await resultOf(work(database.transaction('keys', 'readwrite').objectStore('keys')));
    } finally {
      database.close();
    }
  };
  return {
    load: () => withKeys((keys) => keys.get(name)) as Promise<DeviceKey | undefined>,
    save: (pair) => withKeys((keys) => keys.put(pair, name)) as Promise<never>,
    clear: () => withKeys((keys) => keys.delete(name)) as Promise<never>,
  };
}

function resultOf<T>(request: DbRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
