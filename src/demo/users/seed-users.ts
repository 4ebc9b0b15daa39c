import { randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { hashPassword, NO_PASSWORD, verifyPassword } from './passwords.js';
import { User } from './user.entity.js';

/** For the machines of developers: everybody knows these passwords. */
export const DEMO_USERS = [
  { username: 'alice', password: 'alice-password', roles: ['user'] },
  { username: 'bob', password: 'bob-password', roles: ['user'] },
  { username: 'admin', password: 'admin-password', roles: ['user', 'admin'] },
];

/** How the demo's users are created. */
export interface Seeding {
  /** Whether a password that everybody knows must not work. */
  production: boolean;
  /** The password of all of them, instead of those that everybody knows. */
  password?: string;
}

/** Whether the users have the passwords that everybody knows. */
export function hasKnownPasswords({ production, password }: Seeding): boolean {
  return !production && password === undefined;
}

/**
 * Creates the demo's users, unless they exist. In production they are created only with a password that was chosen, and
 * one that everybody knows, from an earlier start, no longer works.
 */
export async function seedUsers(dataSource: DataSource, seeding: Seeding = { production: false }): Promise<void> {
  const users = dataSource.getRepository(User);
  await Promise.all(
    DEMO_USERS.map(async ({ username, password: known, roles }) => {
      const chosen = seeding.password ?? (seeding.production ? undefined : known);
      const user = await users.findOneBy({ username });
      if (!user) {
        if (chosen === undefined) return;
        const passwordHash = await hashPassword(chosen);
        await users.insert({ id: randomUUID(), username, passwordHash, roles, disabled: false });
        return;
      }
      const isUnusable = user.passwordHash === NO_PASSWORD && chosen !== undefined;
      const isKnown = seeding.production && (await verifyPassword(user.passwordHash, known));
      if (!isUnusable && !isKnown) return;
      const passwordHash = chosen === undefined ? NO_PASSWORD : await hashPassword(chosen);
      await users.update({ id: user.id }, { passwordHash });
    }),
  );
}
