import { randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { hashPassword } from './passwords.js';
import { User } from './user.entity.js';

export const DEMO_USERS = [
  { username: 'alice', password: 'alice-password', roles: ['user'] },
  { username: 'bob', password: 'bob-password', roles: ['user'] },
  { username: 'admin', password: 'admin-password', roles: ['user', 'admin'] },
];

/** Creates the demo's users, unless they exist. */
export async function seedUsers(dataSource: DataSource): Promise<void> {
  const users = dataSource.getRepository(User);
  await Promise.all(
    DEMO_USERS.map(async ({ username, password, roles }) => {
      if (await users.existsBy({ username })) return;
      const passwordHash = await hashPassword(password);
      await users.insert({ id: randomUUID(), username, passwordHash, roles, disabled: false });
    }),
  );
}
