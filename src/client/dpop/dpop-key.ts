import { type DeviceKey, generateKey, indexedDbKeyStore, type KeyStore } from './key-store.js';

/** The request that a proof is for. */
export interface ProvenRequest {
  method: string;
  url: string;
  /** Only in requests with an access token. */
  accessToken?: string;
  nonce?: string;
  /** How many milliseconds the server's clock is ahead of this machine's. */
  clockOffset: number;
}

/** Proves possession of the key that the session is bound to (RFC 9449). */
export interface DpopKey {
  prove(request: ProvenRequest): Promise<string>;
  /** The next proof uses the key in the store, or a new one. */
  forget(): void;
  /** Deletes the key. */
  clear(): Promise<void>;
}

export function dpopKey(option: true | KeyStore, name: string): DpopKey {
  const store = option === true ? indexedDbKeyStore(name) : option;
  let loading: Promise<DeviceKey> | undefined;

  const load = async (): Promise<DeviceKey> => {
    const kept = await ifPossible(() => store?.load());
    if (kept) return kept;
    const made = await generateKey();
    await ifPossible(() => store?.save(made));
    return made;
  };

  return {
    async prove({ method, url, accessToken, nonce, clockOffset }) {
      loading ??= load();
      const { publicKey, privateKey } = await loading;
      const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', publicKey);
      const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } };
      const claims = {
        jti: crypto.randomUUID(),
        htm: method,
        htu: url.replace(/[?#].*/, ''),
        iat: Math.floor((Date.now() + clockOffset) / 1000),
        ath: accessToken && base64url(await crypto.subtle.digest('SHA-256', bytesOf(accessToken))),
        nonce,
      };
      const signed = `${base64url(bytesOf(JSON.stringify(header)))}.${base64url(bytesOf(JSON.stringify(claims)))}`;
      const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, bytesOf(signed));
      return `${signed}.${base64url(signature)}`;
    },
    forget() {
      if (store) loading = undefined;
    },
    async clear() {
      loading = undefined;
      await ifPossible(() => store?.clear());
    },
  };
}

/** If the store fails, for example in a private window, the key lives as long as the page. */
async function ifPossible<T>(work: () => T): Promise<Awaited<T> | undefined> {
  try {
    return await work();
  } catch {
    return undefined;
  }
}

const bytesOf = (text: string) => new TextEncoder().encode(text);

function base64url(bytes: ArrayBuffer | Uint8Array): string {
  const text = String.fromCharCode(...new Uint8Array(bytes));
  return btoa(text).replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '');
}
