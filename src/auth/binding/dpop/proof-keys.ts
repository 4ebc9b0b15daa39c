import { calculateJwkThumbprint, type CryptoKey, exportJWK, importJWK, type JWK, type JWSHeaderParameters } from 'jose';
import { LRUCache } from 'lru-cache';

interface ProofKey {
  readonly key: CryptoKey;
  readonly thumbprint: string;
}

/** Members that no public key has (RFC 7518 §6). */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

/** The public keys that proofs carry in their headers. Those of late are remembered, for a client keeps its key. */
export class ProofKeys {
  private readonly known = new LRUCache<string, ProofKey>({ max: 1000 });

  /** @throws Error for anything but one public key that suits the algorithm */
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
    // Of the key, and not of the text that came: one key has one thumbprint.
    return { key, thumbprint: await calculateJwkThumbprint(await exportJWK(key), 'sha256') };
  }
}
