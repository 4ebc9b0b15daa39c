/** A proof of possession that is valid for its request. */
export interface DpopProof {
  /** The JWK thumbprint of the key (RFC 7638): `jkt`. */
  readonly thumbprint: string;
  /** Names this proof among those of all keys, and tells nothing about it. */
  readonly id: string;
  /** Milliseconds since the Unix epoch, by the client's clock. */
  readonly issuedAt: number;
  /** Milliseconds for which it could be used again. */
  readonly lifetime: number;
  /** The nonce for the next proof, where the one in this proof is about to end. */
  readonly nextNonce?: string;
}
