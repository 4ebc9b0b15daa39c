import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A used DPoP proof. The row is kept for as long as the proof remains valid, and holds only a hash. */
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
