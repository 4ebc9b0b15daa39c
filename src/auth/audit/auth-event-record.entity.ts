import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { asNumber } from '../common/database/bigint-column.js';
import type { AuthEventType } from '../events/auth-event.js';
import type { AuthEventOutcome } from './event-outcome.js';

/** One event, kept. Written once, never changed, and removed after `audit.retention`. */
@Entity({ name: 'auth_events' })
// By whom they are asked for, and in the order in which they are told.
@Index('auth_events_session_id', ['sessionId', 'id'])
@Index('auth_events_user_id', ['userId', 'id'])
export class AuthEventRecord {
  /** A UUID of version 7 (RFC 9562): the order of the ids is that of the events. */
  @PrimaryColumn({ type: 'varchar', length: 36 })
  id: string;

  /** The name of the `AuthModule` that it happened to; '' for the one without. */
  @Column({ type: 'varchar', length: 64 })
  realm: string;

  @Column({ type: 'varchar', length: 32 })
  type: AuthEventType;

  /** Milliseconds since the Unix epoch. */
  @Column({ type: 'bigint', transformer: asNumber })
  at: number;

  @Column({ name: 'session_id', type: 'varchar', length: 36, nullable: true })
  sessionId: string | null;

  @Column({ name: 'user_id', type: 'varchar', length: 255, nullable: true })
  userId: string | null;

  @Column({ name: 'client_id', type: 'varchar', length: 255, nullable: true })
  clientId: string | null;

  @Column({ type: 'varchar', length: 8 })
  outcome: AuthEventOutcome;

  @Column({ type: 'varchar', length: 64, nullable: true })
  reason: string | null;

  @Column({ type: 'bigint', nullable: true, transformer: asNumber })
  generation: number | null;

  /** How many sessions, where there can be several. */
  @Column({ type: 'bigint', nullable: true, transformer: asNumber })
  count: number | null;

  @Column({ type: 'varchar', length: 45, nullable: true })
  ip: string | null;

  /** ISO 3166-1, two letters. */
  @Column({ type: 'varchar', length: 2, nullable: true })
  country: string | null;

  @Column({ name: 'user_agent', type: 'varchar', length: 512, nullable: true })
  userAgent: string | null;
}
