import { createHash, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';

/** The algorithm of the proofs. */
export const ALGORITHM = 'ES256';

/** What a proof is for. */
interface Proven {
  readonly method: string;
  /** With scheme and host. */
  readonly url: string;
  readonly accessToken: string;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
  /** The nonce of the server. */
  readonly nonce: string;
}

/** The key of a client that proves possession of it (RFC 9449). */
export class ProofKey {
  /** The JWK thumbprint (RFC 7638): `jkt`. */
  readonly thumbprint: string;
  private readonly privateKey: KeyObject;
  private readonly jwk: object;

  constructor() {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { crv, kty, x, y } = publicKey.export({ format: 'jwk' });
    this.privateKey = privateKey;
    // The members in the order of their names, which the thumbprint is made of.
    this.jwk = { crv, kty, x, y };
    this.thumbprint = hash(JSON.stringify(this.jwk));
  }

  /** The value of the header `DPoP`. Query and fragment of the URL do not count. */
  proof({ method, url, accessToken, now, nonce }: Proven): string {
    const header = { alg: ALGORITHM, typ: 'dpop+jwt', jwk: this.jwk };
    const [htm, htu] = [method.toUpperCase(), url.split(/[?#]/, 1)[0]];
    const claims = { jti: randomUUID(), htm, htu, iat: Math.floor(now / 1000), ath: hash(accessToken), nonce };
    const signed = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
    const signature = sign('sha256', Buffer.from(signed), { key: this.privateKey, dsaEncoding: 'ieee-p1363' });
    return `${signed}.${signature.toString('base64url')}`;
  }
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
