import { Column, Entity, PrimaryColumn } from 'typeorm';

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

  @Column({ type: 'simple-json' })
  roles: string[];

  @Column({ type: 'boolean' })
  disabled: boolean;
}
