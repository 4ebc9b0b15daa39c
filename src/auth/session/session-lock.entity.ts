import { Column, Entity, PrimaryColumn } from 'typeorm';
import { asNumber } from '../common/database/bigint-column.js';

/** A row that a transaction writes to hold a lock, or that an instance writes to claim a recurring job. */
@Entity({ name: 'session_locks' })
export class SessionLock {
  /** What the lock is for. */
  @PrimaryColumn({ type: 'varchar', length: 64 })
  name: string;

  /** How often it was taken. Each taker changes it, so that the database sees the conflict. */
  @Column({ type: 'bigint', transformer: asNumber })
  taken: number;

  /** Until when a claim holds, in milliseconds by the clock of the database; 0 if there is no claim. */
  @Column({ name: 'claimed_until', type: 'bigint', transformer: asNumber })
  claimedUntil: number;
}
