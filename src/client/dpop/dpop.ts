import { invalidConfiguration, keyMissing, keyNotKept, unavailable } from '../client-errors.js';
import type { Dpop } from '../dpop-option.js';
import { inBrowser } from '../platform.js';
import { boundNote } from './bound-note.js';
import type { DpopKey } from './dpop-key.js';
import { keptKeyPair } from './device-key.js';
import { hasIndexedDb, indexedDbKeyStore } from './indexed-db.js';
import type { KeyStore } from './key-store.js';
import { signProof } from './proof.js';
import { provenRequests } from './proven-requests.js';

/**
 * The options of {@link dpop}.
 *
 * @example
 * const options: DpopOptions = { required: true };
 */
export interface DpopOptions {
  /** Keeps the key pair. By default it is kept in IndexedDB. */
  keys?: KeyStore;
  /**
   * Whether a login fails if the device cannot keep the key. If not, the session is not bound, and the console has a
   * warning. A server that must not have unbound sessions sets `binding.required` instead.
   *
   * @default false
   */
  required?: boolean;
  /**
   * Returns a key of your own instead, which signs the proofs itself. `keys` and `required` are then not used.
   *
   * @param name is the same for all clients that share a session, and no others
   */
  keyOf?: (name: string) => DpopKey;
}

/**
 * Binds sessions to a key that never leaves this device (RFC 9449), for the option `dpop` of `createAuthClient`. The
 * key is made at a login, saved and read back. If that takes more than 3 seconds or fails, the session is not bound:
 * see {@link DpopOptions.required}.
 *
 * @param options or the key store alone, for platforms without IndexedDB
 * @throws AuthClientError `invalid_configuration` if the key store lacks a method. From a login: `key_not_kept`;
 *   `invalid_configuration` if the platform has no `crypto.subtle`, or no IndexedDB and you gave no key store. From a
 *   refresh: `key_missing`, `temporarily_unavailable`
 * @example
 * const client = createAuthClient({ dpop: dpop() });
 */
export function dpop(options: KeyStore | DpopOptions = {}): Dpop {
  const {
    keys,
    required = false,
    keyOf = (name: string) => deviceKey(name, keys, required),
  }: DpopOptions = 'load' in options ? { keys: options } : options;
  if (keys && ![keys.load, keys.save, keys.clear].every((method) => typeof method === 'function')) {
    throw invalidConfiguration('The key store of dpop() must have the methods load, save and clear.');
  }
  return { proofsOf: (client) => provenRequests(client, keyOf(client.name)) };
}

function deviceKey(name: string, keys: KeyStore | undefined, required: boolean): DpopKey {
  const pair = keptKeyPair(keys ?? indexedDbKeyStore(name));
  const note = boundNote(name);
  let warned = false;

  return {
    async prepare() {
      assertPlatform(keys);
      try {
        await pair.keep();
        return true;
      } catch (cause) {
        const message = `The key of this device cannot be kept: ${reasonOf(cause)}`;
        if (required) throw keyNotKept(message, cause);
        if (!warned) console.warn(`nestjs-refresh-token: ${message} The session is not bound to it.`);
        warned = true;
        return false;
      }
    },
    async prove(request) {
      const bound = request.accessToken !== undefined || note.isBound();
      const key = await pair.load().catch((cause: unknown) => {
        if (!bound) return undefined;
        const message = `The key of this device cannot be read now: ${reasonOf(cause)}`;
        throw unavailable(message, undefined, undefined, cause);
      });
      // The server would refuse a refresh with `invalid_grant`, and the session would seem to be over. But the key may
      // come back, for example when the device is unlocked.
      if (!key && note.isOwn() && !request.accessToken) {
        throw keyMissing();
      }
      if (key && note.isBound() && !request.accessToken) void pair.restore();
      return key && signProof(key, request);
    },
    sessionIs: (bound) => note.write(bound),
    forget() {
      note.forget();
      pair.forget();
    },
    async clear() {
      note.write(false);
      await pair.clear();
    },
  };
}

/** Throws for what no user can change. It is not checked at the start, because servers that render create clients too. */
function assertPlatform(keys: KeyStore | undefined): void {
  // Pages of plain HTTP have no `subtle`, and React Native has no `crypto`.
  if (!(globalThis as { crypto?: Partial<typeof crypto> }).crypto?.subtle) {
    throw invalidConfiguration(
      'dpop() needs crypto.subtle: serve the page over https or from localhost, or leave out dpop.',
    );
  }
  if (!keys && !inBrowser && !hasIndexedDb()) {
    throw invalidConfiguration('This platform has no IndexedDB. Give dpop() a key store: dpop({ load, save, clear }).');
  }
}

function reasonOf(cause: unknown): string {
  const message = (cause as Error | undefined)?.message || String(cause);
  return /[.!]$/.test(message) ? message : `${message}.`;
}
