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
 * Stores the key pair of a device, for `dpop()`. The key cannot be written as text. The client waits a few seconds for
 * each method.
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
  /** `undefined` or `null` says that there is no key. If the store cannot be read now, it must throw. */
  load(): DeviceKey | undefined | null | Promise<DeviceKey | undefined | null>;
  save(key: DeviceKey): void | Promise<void>;
  /** Called only when the session is over. */
  clear(): void | Promise<void>;
}

/** Whether this is a key pair. Some browsers return an empty record for a key that they can no longer read. */
export function isKeyPair(key: DeviceKey | undefined | null): key is DeviceKey {
  return !!key?.privateKey && !!key.publicKey;
}
