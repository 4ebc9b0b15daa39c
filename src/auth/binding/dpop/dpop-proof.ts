/** A DPoP proof that is valid for its request (RFC 9449 §4.3). */
export interface DpopProof {
  /** The JWK thumbprint of the key (RFC 7638): `jkt`. */
  readonly thumbprint: string;
  /** Identifies this proof among the proofs of all keys: a hash that reveals neither the key nor the `jti`. */
  readonly id: string;
  /** Milliseconds since the Unix epoch, by the client's clock. */
  readonly issuedAt: number;
  /** Milliseconds for which the proof remains valid. */
  readonly lifetime: number;
  /** Whether a guard has recorded it as used, for the same request. */
  readonly isClaimed?: boolean;
  /** The nonce for the next proof, if the nonce in this proof expires soon. */
  readonly nextNonce?: string;
}
