import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * The secret of the embedded database. It is in a file next to the database, made at the first start: one for development
 * and one for production.
 *
 * @param database the folder
 */
export function madeSecret(database: string, production: boolean): string {
  const file = fileOf(database, production);
  mkdirSync(dirname(file), { recursive: true });
  try {
    writeFileSync(file, randomBytes(48).toString('base64url'), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return read(file);
}

/**
 * With the secret of a start for development, tokens from then would be good in production, when anyone could sign in.
 *
 * @throws Error that says what to do
 */
export function refuseMadeSecret(secret: string, database: string): void {
  const file = fileOf(database, false);
  let made: string;
  try {
    made = read(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if (secret.trim() !== made) return;
  throw new Error(
    `AUTH_SECRET is the secret in ${file}, which was made for development. Create another: openssl rand -base64 48`,
  );
}

/** An editor may have added a newline. */
function read(file: string): string {
  return readFileSync(file, 'utf8').trim();
}

function fileOf(database: string, production: boolean): string {
  return production ? `${database}.production.secret` : `${database}.secret`;
}
