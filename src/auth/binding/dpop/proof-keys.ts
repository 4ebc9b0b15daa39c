import { calculateJwkThumbprint, type CryptoKey, exportJWK, importJWK, type JWK, type JWSHeaderParameters } from 'jose';
import { LRUCache } from 'lru-cache';

interface ProofKey {
  readonly key: CryptoKey;
  readonly thumbprint: string;
}

/** Members of a JWK that only private and symmetric keys have (RFC 7518 §6). */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

/**
 * Imports the public keys in the headers of proofs. It caches recent keys, because a client uses the same key for all
 * its proofs.
 */
export class ProofKeys {
  private readonly known = new LRUCache<string, ProofKey>({ max: 1000 });

  /** @throws Error unless the header holds one public key that suits the algorithm */
  async keyOf({ alg, jwk }: JWSHeaderParameters): Promise<ProofKey> {
    const given = jwk as JWK | undefined;
    if (typeof given !== 'object' || given === null || Array.isArray(given)) throw new Error('jwk is missing');
    const name = JSON.stringify([alg, given]);
    let known = this.known.get(name);
    if (!known) {
      known = await this.import(given, alg!);
      this.known.set(name, known);
    }
    return known;
  }

  private async import(jwk: JWK, algorithm: string): Promise<ProofKey> {
    if (PRIVATE_MEMBERS.some((member) => member in jwk)) throw new Error('jwk is not a public key');
    const key = await importJWK(jwk, algorithm);
    if (key instanceof Uint8Array || key.type !== 'public') throw new Error('jwk is not a public key');
    // The thumbprint is computed from the imported key, not from the JWK as sent. So one key has exactly one
    // thumbprint.
    return { key, thumbprint: await calculateJwkThumbprint(await exportJWK(key), 'sha256') };
  }
}
