import { createPublicKey, type KeyObject } from 'node:crypto';
import { decodeProtectedHeader, type JWK } from 'jose';
import { LRUCache } from 'lru-cache';
import { sha256 } from '../../common/crypto/sha256.js';
import { SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from './signature-algorithms.js';

/** The key in the header of a proof. */
export interface ProofKey {
  readonly key: KeyObject;
  readonly algorithm: SignatureAlgorithm;
  /** RFC 7638. */
  readonly thumbprint: string;
}

/** A header that is not that of a proof. The message names the flaw, and quotes nothing. */
export class ProofHeaderError extends Error {}

/** As in `typ`: a media type, which may omit `application/` and is not case-sensitive (RFC 7515 §4.1.9). */
const TYPE = /^(application\/)?dpop\+jwt$/i;

/** Members of a JWK that only private and symmetric keys have (RFC 7518 §6). */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

// The time of an RSA verification grows with both numbers. Outside these bounds nothing is computed with the key.
const RSA_MODULUS_BITS = { least: 2048, most: 4096 };
const LARGEST_RSA_EXPONENT = 2n ** 32n - 1n;

/**
 * Reads the headers of proofs, and imports their public keys. It remembers recent headers, because a client sends the
 * same one with all its proofs.
 */
export class ProofKeys {
  private readonly known = new LRUCache<string, ProofKey>({ max: 1000 });

  constructor(private readonly algorithms: readonly string[]) {}

  /**
   * @param header in base64url
   * @throws ProofHeaderError unless it is the header of a proof, with one public key that suits the algorithm
   */
  keyOf(header: string): ProofKey {
    let known = this.known.get(header);
    if (!known) {
      known = this.import(header);
      this.known.set(header, known);
    }
    return known;
  }

  private import(encoded: string): ProofKey {
    const { typ, alg = '', crit, jwk } = headerOf(encoded);
    if (typeof typ !== 'string' || !TYPE.test(typ)) throw new ProofHeaderError('typ');
    const algorithm = this.algorithms.includes(alg) ? SIGNATURE_ALGORITHMS.get(alg) : undefined;
    if (!algorithm) throw new ProofHeaderError('alg');
    // No extension of JWS is defined for proofs.
    if (crit !== undefined) throw new ProofHeaderError('crit');
    const key = publicKeyOf(jwk, algorithm);
    return { key, algorithm, thumbprint: thumbprintOf(key) };
  }
}

function headerOf(encoded: string) {
  try {
    return decodeProtectedHeader({ protected: encoded });
  } catch {
    throw new ProofHeaderError('the header is not a JSON object');
  }
}

function publicKeyOf(jwk: JWK | undefined, { kty, crv }: SignatureAlgorithm): KeyObject {
  const flaw = new ProofHeaderError('jwk is not a public key for alg');
  if (typeof jwk !== 'object' || jwk === null || PRIVATE_MEMBERS.some((member) => member in jwk)) throw flaw;
  const { x, y, n, e, ext = true, key_ops: operations = ['verify'] } = jwk;
  if (jwk.kty !== kty || (crv !== undefined && jwk.crv !== crv)) throw flaw;
  // As WebCrypto writes and reads a public key.
  if (ext !== true || JSON.stringify(operations) !== '["verify"]') throw flaw;
  try {
    const key = createPublicKey({ key: { kty, crv, x, y, n, e }, format: 'jwk' });
    if (kty !== 'RSA' || isModestRsaKey(key)) return key;
  } catch {
    throw flaw;
  }
  throw new ProofHeaderError('the modulus or the exponent of jwk is out of bounds');
}

function isModestRsaKey({ asymmetricKeyDetails }: KeyObject): boolean {
  const { modulusLength: bits = 0, publicExponent: exponent = 0n } = asymmetricKeyDetails ?? {};
  const { least, most } = RSA_MODULUS_BITS;
  return bits >= least && bits <= most && exponent >= 3n && exponent <= LARGEST_RSA_EXPONENT && exponent % 2n === 1n;
}

/** It is computed from the imported key, not from the JWK as sent. So one key has exactly one thumbprint. */
function thumbprintOf(key: KeyObject): string {
  const { crv, e, kty, n, x, y } = key.export({ format: 'jwk' });
  // The required members of each kind of key, in the order of RFC 7638 §3.3. JSON leaves out what is undefined.
  return sha256(JSON.stringify({ crv, e, kty, n, x, y }));
}
