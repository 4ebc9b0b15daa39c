import argon2 from 'argon2';

/** OWASP Password Storage Cheat Sheet: 19 MiB, two passes, one lane. */
const PARAMETERS = { type: argon2.argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 };

export function hashPassword(password: string): Promise<string> {
  return argon2.hash(password, PARAMETERS);
}

/** In place of a hash: no password is right. */
export const NO_PASSWORD = 'none';

export async function verifyPassword(hash: string, password: string): Promise<boolean> {
  return hash !== NO_PASSWORD && argon2.verify(hash, password);
}
