import { constants, type KeyObject, verify } from 'node:crypto';

/** A signature algorithm of JWS: the keys that suit it, and how it verifies. */
export interface SignatureAlgorithm {
  readonly kty: 'EC' | 'OKP' | 'RSA';
  readonly crv?: 'P-256' | 'P-384' | 'P-521' | 'Ed25519';
  /** `null` if the algorithm hashes by itself. */
  readonly hash: string | null;
  readonly options: object;
}

/** The asymmetric algorithms by their names (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2). */
export const SIGNATURE_ALGORITHMS: ReadonlyMap<string, SignatureAlgorithm> = new Map([
  ['ES256', ecdsa('P-256', 'sha256')],
  ['ES384', ecdsa('P-384', 'sha384')],
  ['ES512', ecdsa('P-521', 'sha512')],
  ['EdDSA', ed25519()],
  ['Ed25519', ed25519()],
  ['PS256', rsaPss('sha256')],
  ['PS384', rsaPss('sha384')],
  ['PS512', rsaPss('sha512')],
  ['RS256', rsa('sha256')],
  ['RS384', rsa('sha384')],
  ['RS512', rsa('sha512')],
]);

/**
 * Verifies on the thread of the caller. It takes 0.1 ms with most keys, and WebCrypto would wait for a thread that
 * password checks may occupy.
 */
export function isSignedBy(key: KeyObject, algorithm: SignatureAlgorithm, text: string, signature: Buffer): boolean {
  try {
    return verify(algorithm.hash, Buffer.from(text), { key, ...algorithm.options }, signature);
  } catch {
    // OpenSSL cannot compute with every key that it imports.
    return false;
  }
}

/** The signature is R and S, each as long as the order of the curve (RFC 7518 §3.4). */
function ecdsa(crv: SignatureAlgorithm['crv'], hash: string): SignatureAlgorithm {
  return { kty: 'EC', crv, hash, options: { dsaEncoding: 'ieee-p1363' } };
}

function ed25519(): SignatureAlgorithm {
  return { kty: 'OKP', crv: 'Ed25519', hash: null, options: {} };
}

function rsa(hash: string): SignatureAlgorithm {
  return { kty: 'RSA', hash, options: { padding: constants.RSA_PKCS1_PADDING } };
}

/** The salt is as long as the hash (RFC 7518 §3.5). */
function rsaPss(hash: string): SignatureAlgorithm {
  const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants;
  return { kty: 'RSA', hash, options: { padding, saltLength } };
}
