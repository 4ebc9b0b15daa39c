import { type DbRequest, type ObjectStore, platform } from '../platform.js';

/** A `CryptoKey` in the types that the application uses. */
type Key = Parameters<typeof crypto.subtle.sign>[1];

/**
 * The key pair of a device: a `CryptoKeyPair` whose private key cannot be exported.
 *
 * @example
 * const key: DeviceKey = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
 */
export interface DeviceKey {
  readonly publicKey: Key;
  readonly privateKey: Key;
}

/**
 * Stores the key pair of a device, for the option `dpop`. The key cannot be written as text.
 *
 * @example
 * let kept: DeviceKey | undefined;
 * const store: KeyStore = {
 *   load: () => kept,
 *   save: (key) => void (kept = key),
 *   clear: () => void (kept = undefined),
 * };
 */
export interface KeyStore {
  load(): DeviceKey | undefined | Promise<DeviceKey | undefined>;
  save(key: DeviceKey): void | Promise<void>;
  clear(): void | Promise<void>;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' };

export function generateKey(): Promise<DeviceKey> {
  return crypto.subtle.generateKey(ALGORITHM, false, ['sign', 'verify']);
}

/** A key store in IndexedDB, which stores the key object itself and only lets scripts sign with it. */
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
