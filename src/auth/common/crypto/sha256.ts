import { createHash } from 'node:crypto';

/** SHA-256 in base64url, as in the claims `ath`, `jkt` and `x5t#S256`. */
export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('base64url');
}
