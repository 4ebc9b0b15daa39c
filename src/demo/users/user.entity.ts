import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A role that the laboratory has taken away for a while. */
export interface TakenRole {
  readonly role: string;
  /** Milliseconds since the Unix epoch. */
  readonly until: number;
}

/** A user of the demo. */
@Entity({ name: 'users' })
export class User {
  @PrimaryColumn({ type: 'varchar', length: 36 })
  id: string;

  @Column({ type: 'varchar', length: 255, unique: true })
  username: string;

  /** The Argon2id hash, in its standard text form. */
  @Column({ name: 'password_hash', type: 'varchar', length: 255 })
  passwordHash: string;

  /** What an administrator has given. */
  @Column({ type: 'simple-json' })
  roles: string[];

  @Column({ name: 'taken_role', type: 'simple-json', nullable: true })
  takenRole: TakenRole | null;

  @Column({ type: 'boolean' })
  disabled: boolean;
}
