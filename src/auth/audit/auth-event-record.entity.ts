import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { asNumber } from '../common/database/bigint-column.js';
import type { AuthEventType } from '../events/auth-event.js';
import type { AuthEventOutcome } from './event-outcome.js';

/** A stored event. It is never changed, and is removed after `audit.retention`. */
@Entity({ name: 'auth_events' })
// The indexes serve queries by each of these, in the order of the events.
@Index('auth_events_session_id', ['sessionId', 'id'])
@Index('auth_events_user_id', ['userId', 'id'])
@Index('auth_events_type', ['type', 'id'])
@Index('auth_events_ip', ['ip', 'id'])
@Index('auth_events_account', ['account', 'id'])
export class AuthEventRecord {
  /** A UUID of version 7 (RFC 9562). Ids sort in the order of the events. */
  @PrimaryColumn({ type: 'varchar', length: 36 })
  id: string;

  /** The name of the `AuthModule` of the event; '' for the one without a name. */
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

  /** The number of sessions, for events that can concern several. */
  @Column({ type: 'bigint', nullable: true, transformer: asNumber })
  count: number | null;

  @Column({ type: 'varchar', length: 45, nullable: true })
  ip: string | null;

  /** ISO 3166-1, two letters. */
  @Column({ type: 'varchar', length: 2, nullable: true })
  country: string | null;

  @Column({ name: 'user_agent', type: 'varchar', length: 512, nullable: true })
  userAgent: string | null;

  /** The account that a failed login was for: a keyed hash of its name. */
  @Column({ type: 'varchar', length: 22, nullable: true })
  account: string | null;

  /** Its name as the client sent it, with `audit.accountNames`. */
  @Column({ name: 'account_name', type: 'varchar', length: 255, nullable: true })
  accountName: string | null;

  /** Who did it: see `AuthEvent`. */
  @Column({ type: 'varchar', length: 255, nullable: true })
  actor: string | null;
}
