import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A proof that has been used, for as long as it could be used again. Tells nothing but that. */
@Entity({ name: 'used_dpop_proofs' })
export class UsedDpopProof {
  /** A hash of the key's thumbprint and the proof's `jti`. */
  @PrimaryColumn({ type: 'varchar', length: 43 })
  id: string;

  /** Milliseconds since the Unix epoch. */
  @Index('used_dpop_proofs_expires_at')
  @Column({ name: 'expires_at', type: 'bigint' })
  expiresAt: number;
}
